import Foundation
import NIOCore
import RESP
import RedisClient
import Testing

@Suite struct StringCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `string commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let k = key + "k"
            try await table.expect(GET(k, as: String.self), nil)
            try await table.expect(SET(k, "one"), "OK")
            try await table.expect(GET(k, as: String.self), "one")
            try await table.expect(MGET([k, k + "x"], as: String.self), ["one", nil])
            try await table.expect(MSET([k + "1": "1", k + "2": "2"]), "OK")
            try await table.expect(MSETNX([k + "2": "9", k + "3": "9"]), false)
            try await table.expect(MSETNX([(key: k + "3", value: 3), (key: k + "4", value: 4)]), true)
            try await table.expect(MGET([k + "1", k + "2", k + "3", k + "4"], as: Int.self), [1, 2, 3, 4])
            try await table.expect(GETDEL(k + "1", as: Int.self), 1)
            try await table.expect(GETDEL(k + "1"), nil)
            try await table.expect(GETRANGE(k, 0, 1), "on")
            try await table.expect(GETRANGE(k, -2, -1), "ne")
            try await table.expect(GETRANGE(k + "x", 0, -1, as: ByteBuffer.self), ByteBuffer())
            try await table.expect(SETRANGE(k, 2, "ce"), 4)
            try await table.expect(SETRANGE(k + "z", 2, [7]), 3)
            try await table.expect(GET(k + "z", as: ByteBuffer.self), ByteBuffer(bytes: [0, 0, 7]))
            try await table.expect(STRLEN(k), 4)
            try await table.expect(STRLEN(k + "x"), 0)
            try await table.expect(APPEND(k, "-upon"), 9)
            try await table.expect(APPEND(k + "new", ByteBuffer(string: "ab")), 2)
            let n = key + "n"
            try await table.expect(INCR(n), 1)
            try await table.expect(INCRBY(n, 9), 10)
            try await table.expect(INCRBY(n, -1), 9)
            try await table.expect(DECR(n), 8)
            try await table.expect(DECRBY(n, 10), -2)
            try await table.expect(INCRBYFLOAT(n, 0.5), -1.5)
            try await table.expect(INCRBYFLOAT(n, 1e20), 1e20)
            try await table.refuse(INCR(k))
            try await table.expect(HSET(key + "h", ["f": "v"]), 1)
            try await table.refuse(APPEND(key + "h", "a"), "WRONGTYPE")
            try await table.expect(MGET([key + "h"], as: String.self), [nil])
            try await table.refuse(MGET([String](), as: String.self))
            try await table.refuse(MSET([String: String]()))
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `SET with all its options`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let k = key + "k"
            func remaining(_ range: ClosedRange<Int>) async throws {
                try await table.expect(PTTL(k)) { answer in
                    guard case .remaining(let duration) = answer else { return false }
                    return duration >= .seconds(range.lowerBound) && duration <= .seconds(range.upperBound)
                }
            }
            try await table.expect(SET(k, 1, condition: .ifPresent), nil)
            try await table.expect(SET(k, 1, condition: .ifAbsent), "OK")
            try await table.expect(SET(k, 2, condition: .ifAbsent), nil)
            try await table.expect(SET(k, 3, condition: .ifPresent), "OK")
            try await table.expect(PTTL(k), .unlimited)
            try await table.expect(SET(k, 3, milliseconds: 50_000), "OK")
            try await remaining(40...50)
            try await table.expect(SET(k, 4, expiry: .keep), "OK")
            try await remaining(40...50)
            try await table.expect(SET(k, 4, expiry: .after(.seconds(90))), "OK")
            try await remaining(80...90)
            try await table.expect(SET(k, 4, expiry: .at(Date(timeIntervalSinceNow: 200))), "OK")
            try await remaining(180...201)
            try await table.expect(SET(k, 5, expiry: .after(.seconds(40)), condition: .ifPresent), "OK")
            try await remaining(30...40)
            try await table.expect(SET(k, 6, returning: Int.self), 5)
            try await table.expect(PTTL(k), .unlimited)
            try await table.expect(SET(k, 7, expiry: .keep, condition: .ifPresent, returning: String.self), "6")
            try await table.expect(SET(k, 8, condition: .ifAbsent, returning: ByteBuffer.self), ByteBuffer(string: "7"))
            try await table.expect(GET(k, as: Int.self), 7)
            try await table.expect(SET(k + "new", 8, condition: .ifAbsent, returning: Int.self), nil)
            try await table.expect(GET(k + "new", as: Int.self), 8)
            try await table.expect(SET(k + "none", 8, condition: .ifPresent, returning: Int.self), nil)
            try await table.expect(GET(k + "none", as: Int.self), nil)
            try await table.expect(GETEX(k, expiry: .after(.seconds(70)), as: Int.self), 7)
            try await remaining(60...70)
            try await table.expect(GETEX(k, expiry: .at(Date(timeIntervalSinceNow: 300))), "7")
            try await remaining(280...301)
            try await table.expect(GETEX(k, expiry: .never), "7")
            try await table.expect(PTTL(k), .unlimited)
            try await table.expect(GETEX(k + "x", expiry: .never), nil)
            try await table.refuse(SET(k, 1, expiry: .after(.zero)))
            try await table.refuse(SET(k, 1, expiry: .after(.seconds(Int64.max))))
            try await table.expect(SET(k, 1, expiry: .after(.nanoseconds(1))), "OK")
        }
    }

    @Test func `SET and GETEX on the wire`() {
        let date = Date(timeIntervalSince1970: 1_800_000_000.25)
        check(wire(SET("k", "v")), "SET k v")
        check(wire(SET("k", "v", milliseconds: 5)), "SET k v PX 5")
        check(wire(SET("k", "v", expiry: .after(.seconds(5)))), "SET k v PX 5000")
        check(wire(SET("k", "v", expiry: .at(date))), "SET k v PXAT 1800000000250")
        check(wire(SET("k", "v", expiry: .keep)), "SET k v KEEPTTL")
        check(wire(SET("k", "v", condition: .ifAbsent)), "SET k v NX")
        check(wire(SET("k", "v", expiry: .keep, condition: .ifPresent)), "SET k v XX KEEPTTL")
        check(wire(SET("k", "v", returning: Int.self)), "SET k v GET")
        check(
            wire(SET("k", "v", expiry: .after(.seconds(1)), condition: .ifAbsent, returning: Int.self)),
            "SET k v NX GET PX 1000"
        )
        check(wire(GETEX("k", expiry: .after(.milliseconds(1)))), "GETEX k PX 1")
        check(wire(GETEX("k", expiry: .at(date))), "GETEX k PXAT 1800000000250")
        check(wire(GETEX("k", expiry: .never)), "GETEX k PERSIST")
        // Whole commands and line ends in arguments stay arguments.
        check(wire(SET("*1\r\n$8\r\nFLUSHALL\r\n", "\r\n")), "SET *1\r\n$8\r\nFLUSHALL\r\n \r\n")
    }

    @Test(arguments: [
        (Duration.zero, 0, 0), (.milliseconds(1), 1, 1), (.nanoseconds(1), 1, 1), (.microseconds(1001), 2, 1),
        (.seconds(1), 1000, 1), (.milliseconds(1500), 1500, 2), (.milliseconds(-1500), -1500, -1),
        (.nanoseconds(-1), 0, 0), (.seconds(Int64.max), .max, .max), (.seconds(Int64.min), .min, .min),
        (.seconds(Int64.max) + .nanoseconds(1), .max, .max),
        (.seconds(9_223_372_036_854_775), 9_223_372_036_854_775_000, 9_223_372_036_854_775),
    ])
    func `times are rounded up and never trap`(duration: Duration, milliseconds: Int, seconds: Int) {
        check(wire(PEXPIRE("k", duration)), "PEXPIRE k \(milliseconds)")
        check(wire(EXPIRE("k", duration)), "EXPIRE k \(seconds)")
    }

    @Test(arguments: [
        (1_800_000_000.25, 1_800_000_000_250, 1_800_000_001), (0, 0, 0), (-1.5, -1500, -1),
        (.infinity, Int.max, Int.max),
        (-.infinity, .min, .min), (.nan, 0, 0), (1e300, .max, .max),
    ])
    func `dates are rounded and never trap`(interval: Double, milliseconds: Int, seconds: Int) {
        let date = Date(timeIntervalSince1970: interval)
        check(wire(PEXPIREAT("k", date)), "PEXPIREAT k \(milliseconds)")
        check(wire(EXPIREAT("k", date)), "EXPIREAT k \(seconds)")
    }
}

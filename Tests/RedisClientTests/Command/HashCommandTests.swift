import Foundation
import NIOCore
import RESP
import RedisClient
import Testing

@Suite struct HashCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `hash commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let h = key + "h"
            try await table.expect(HSET(h, ["a": "1", "b": "2"]), 2)
            try await table.expect(HSET(h, [(key: "b", value: 22), (key: "c", value: 3)]), 1)
            try await table.expect(HGET(h, "b", as: Int.self), 22)
            try await table.expect(HGET(h, "x", as: Int.self), nil)
            try await table.expect(HSETNX(h, "c", "9"), false)
            try await table.expect(HSETNX(h, "d", "4"), true)
            try await table.expect(HMGET(h, ["a", "x", "d"]), ["1", nil, "4"])
            try await table.expect(HMGET(key + "x", ["a"], as: Int.self), [nil])
            try await table.expect(HGETALL(h, as: [String: Int].self), ["a": 1, "b": 22, "c": 3, "d": 4])
            try await table.expect(HGETALL(key + "x", as: [String: Int].self), [:])
            try await table.expect(sorted: HKEYS(h), ["a", "b", "c", "d"])
            try await table.expect(sorted: HVALS(h, as: Int.self), [1, 3, 4, 22])
            try await table.expect(HKEYS(key + "x"), [])
            try await table.expect(HDEL(h, ["d", "x"]), 1)
            try await table.expect(HEXISTS(h, "d"), false)
            try await table.expect(HEXISTS(h, "a"), true)
            try await table.expect(HLEN(h), 3)
            try await table.expect(HINCRBY(h, "n", 5), 5)
            try await table.expect(HINCRBYFLOAT(h, "n", -0.25), 4.75)
            try await table.expect(HSTRLEN(h, "n"), 4)
            try await table.expect(HSTRLEN(h, "x"), 0)
            let one = key + "one"
            try await table.expect(HRANDFIELD(one), nil)
            try await table.expect(HRANDFIELD(one, count: 2), [])
            try await table.expect(HRANDFIELD(one, countWithValues: 2)) { $0.isEmpty }
            try await table.expect(HSET(one, ["f": "7"]), 1)
            try await table.expect(HRANDFIELD(one), "f")
            try await table.expect(HRANDFIELD(one, count: -2), ["f", "f"])
            try await table.expect(HRANDFIELD(one, countWithValues: -2, as: HashEntry<String, Int>.self)) {
                Array($0) == [HashEntry("f", 7), HashEntry("f", 7)]
            }
            try await table.refuse(HSET(h, [String: String]()))
            try await table.refuse(HMGET(h, [String]()))
            try await table.refuse(HDEL(h, [String]()))
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `fields with a time to live`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let h = key + "h"
            func remaining(_ fields: [String], _ range: ClosedRange<Int>) async throws {
                try await table.expect(HPTTL(h, fields)) { answer in
                    answer.count == fields.count
                        && answer.allSatisfy {
                            guard case .remaining(let duration) = $0 else { return false }
                            return duration >= .seconds(range.lowerBound) && duration <= .seconds(range.upperBound)
                        }
                }
            }
            try await table.expect(HSET(h, ["a": "1", "b": "2", "c": "3"]), 3)
            try await table.expect(HEXPIRE(h, .seconds(50), ["a", "x"]), [.changed, .missing])
            try await table.expect(HPTTL(h, ["b", "x"]), [.unlimited, .missing])
            try await remaining(["a"], 40...50)
            try await table.expect(HEXPIRE(h, .seconds(60), ["a", "b"], condition: .ifNone), [.unchanged, .changed])
            try await table.expect(HPEXPIRE(h, .seconds(70), ["a", "c"], condition: .ifAny), [.changed, .unchanged])
            try await remaining(["a"], 61...70)
            try await table.expect(HPEXPIRE(h, .seconds(65), ["a"], condition: .ifLater), [.unchanged])
            try await table.expect(HPEXPIRE(h, .seconds(65), ["a"], condition: .ifEarlier), [.changed])
            try await table.expect(HPERSIST(h, ["a", "c", "x"]), [.persisted, .unlimited, .missing])
            try await table.expect(HPTTL(h, ["a"]), [.unlimited])
            try await table.expect(HEXPIRE(h, .zero, ["c"]), [.deleted])
            try await table.expect(HEXISTS(h, "c"), false)
            try await table.expect(HEXPIRE(key + "x", .seconds(1), ["a"]), [.missing])
            try await table.expect(HPTTL(key + "x", ["a"]), [.missing])
            try await table.expect(HPERSIST(key + "x", ["a"]), [.missing])

            try await table.expect(HSETEX(h, ["a": "1", "y": "9"], condition: .ifAbsent), false)
            try await table.expect(HSETEX(h, ["a": "1", "y": "9"], condition: .ifPresent), false)
            try await table.expect(HMGET(h, ["y"]), [nil])
            try await table.expect(
                HSETEX(h, ["y": 9, "z": 8], expiry: .after(.seconds(30)), condition: .ifAbsent),
                true
            )
            try await remaining(["y", "z"], 20...30)
            try await table.expect(HSETEX(h, ["y": 7], expiry: .keep), true)
            try await remaining(["y"], 20...30)
            try await table.expect(HSETEX(h, ["y": 7], expiry: .at(Date(timeIntervalSinceNow: 100))), true)
            try await remaining(["y"], 90...101)
            try await table.expect(HSETEX(h, ["y": 7]), true)
            try await table.expect(HPTTL(h, ["y"]), [.unlimited])
            try await table.expect(HGETEX(h, ["y", "x"], expiry: .after(.seconds(20)), as: Int.self), [7, nil])
            try await remaining(["y"], 10...20)
            try await table.expect(HGETEX(h, ["y"], expiry: .at(Date(timeIntervalSinceNow: 100))), ["7"])
            try await remaining(["y"], 90...101)
            try await table.expect(HGETEX(h, ["y"], expiry: .never), ["7"])
            try await table.expect(HPTTL(h, ["y"]), [.unlimited])
            try await table.expect(HGETEX(key + "x", ["y", "z"], expiry: .never), [nil, nil])
            try await table.expect(HGETDEL(h, ["y", "x"], as: Int.self), [7, nil])
            try await table.expect(HEXISTS(h, "y"), false)
            try await table.expect(HGETDEL(key + "x", ["y", "z"]), [nil, nil])
            try await table.refuse(HEXPIRE(h, .seconds(-1), ["a"]))
            try await table.refuse(HEXPIRE(h, .seconds(1), [String]()))
            try await table.refuse(HSETEX(h, [String: String]()))
        }
    }

    @Test func `options of field commands on the wire`() {
        let f = ["a", "b"]
        check(wire(HEXPIRE("h", .seconds(5), f, condition: .ifLater)), "HEXPIRE h 5 GT FIELDS 2 a b")
        check(wire(HPEXPIRE("h", .seconds(5), f)), "HPEXPIRE h 5000 FIELDS 2 a b")
        check(wire(HPTTL("h", f)), "HPTTL h FIELDS 2 a b")
        check(wire(HSETEX("h", ["a": "1"])), "HSETEX h FIELDS 1 a 1")
        let pairs: KeyValuePairs = ["a": 1, "b": 2]
        check(
            wire(HSETEX("h", pairs, expiry: .after(.seconds(1)), condition: .ifAbsent)),
            "HSETEX h FNX PX 1000 FIELDS 2 a 1 b 2"
        )
        check(wire(HSETEX("h", ["a": 1], expiry: .keep, condition: .ifPresent)), "HSETEX h FXX KEEPTTL FIELDS 1 a 1")
        check(wire(HGETEX("h", f, expiry: .never)), "HGETEX h PERSIST FIELDS 2 a b")
        check(wire(HRANDFIELD("h", countWithValues: 3)), "HRANDFIELD h 3 WITHVALUES")
    }
}

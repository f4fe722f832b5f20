import Foundation
import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct KeyCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `key commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (k, x) = (key + "k", key + "x")
            try await table.expect(MSET([k: "1", k + "2": "2", k + "3": "3"]), "OK")
            try await table.expect(EXISTS([k, k, x]), 2)
            try await table.expect(TOUCH([k, x]), 1)
            try await table.expect(TYPE(k), .string)
            try await table.expect(TYPE(x), .none)
            try await table.expect(HSET(key + "h", ["f": "1"]), 1)
            try await table.expect(TYPE(key + "h"), .hash)
            try await table.expect(ZADD(key + "z", ["f": 1]), 1)
            try await table.expect(TYPE(key + "z"), .sortedSet)
            try await table.expect(RENAME(k, k + "n"), "OK")
            try await table.refuse(RENAME(k, k + "n"))
            try await table.expect(RENAMENX(k + "n", k + "2"), false)
            try await table.expect(RENAMENX(k + "n", k), true)
            try await table.refuse(RENAMENX(x, k))
            try await table.expect(COPY(k, k + "2"), false)
            try await table.expect(COPY(k, k + "2", replacing: true), true)
            try await table.expect(COPY(k, k, database: 1, replacing: true), true)
            try await table.expect(COPY(x, k + "c"), false)
            try await table.expect(GET(k + "2", as: String.self), "1")
            try await table.expect(OBJECT.ENCODING(k), "int")
            try await table.expect(OBJECT.ENCODING(x), nil)
            try await table.expect(OBJECT.IDLETIME(k)) { $0.map { $0.duration < .seconds(10) } ?? false }
            try await table.expect(OBJECT.IDLETIME(x), nil)
            try await table.refuse(OBJECT.FREQ(k))

            let dump = try #require(try await table.client.execute(DUMP(k)))
            try await table.expect(DUMP(x), nil)
            try await table.expect(RESTORE(key + "r", dump), "OK")
            try await table.refuse(RESTORE(key + "r", dump), "BUSYKEY")
            try await table.expect(RESTORE(key + "r", dump, expiry: .after(.seconds(60)), replacing: true), "OK")
            try await table.expect(TTL(key + "r")) { $0 == .remaining(.seconds(60)) || $0 == .remaining(.seconds(59)) }
            let date = Date(timeIntervalSinceNow: 100)
            try await table.expect(RESTORE(key + "r", dump, expiry: .at(date), replacing: true), "OK")
            try await table.expect(PTTL(key + "r"), where: Self.isWithin(90...101))
            try await table.expect(GET(key + "r", as: Int.self), 1)
            try await table.refuse(RESTORE(key + "r2", ByteBuffer(string: "no dump")))

            try await table.expect(DEL([k, x]), 1)
            try await table.expect(UNLINK([k + "2", k + "3", x]), 2)
            try await table.refuse(DEL([String]()))
            try await table.refuse(EXISTS([String]()))
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `times to live of keys`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (k, x) = (key + "k", key + "x")
            try await table.expect(SET(k, 1), "OK")
            try await table.expect(TTL(k), .unlimited)
            try await table.expect(PTTL(k), .unlimited)
            try await table.expect(TTL(x), .missing)
            try await table.expect(PTTL(x), .missing)
            try await table.expect(EXPIRE(x, .seconds(5)), false)
            try await table.expect(EXPIRE(k, .seconds(50), condition: .ifAny), false)
            try await table.expect(EXPIRE(k, .seconds(50), condition: .ifNone), true)
            try await table.expect(TTL(k)) { $0 == .remaining(.seconds(50)) || $0 == .remaining(.seconds(49)) }
            try await table.expect(EXPIRE(k, .seconds(40), condition: .ifLater), false)
            try await table.expect(EXPIRE(k, .seconds(40), condition: .ifEarlier), true)
            try await table.expect(PEXPIRE(k, .milliseconds(60_500)), true)
            try await table.expect(PTTL(k), where: Self.isWithin(55...61))
            try await table.expect(PEXPIRE(k, .seconds(70), condition: .ifNone), false)
            let date = Date(timeIntervalSinceNow: 200)
            try await table.expect(EXPIREAT(k, date, condition: .ifLater), true)
            try await table.expect(PTTL(k), where: Self.isWithin(190...202))
            try await table.expect(PEXPIREAT(k, date.addingTimeInterval(100)), true)
            try await table.expect(PTTL(k), where: Self.isWithin(290...301))
            try await table.expect(PERSIST(k), true)
            try await table.expect(PERSIST(k), false)
            try await table.expect(PERSIST(x), false)
            try await table.expect(EXPIRE(k, .zero), true)
            try await table.expect(EXISTS([k]), 0)
        }
    }

    @Test(arguments: CommandServer.allCases)
    func `commands about the server and its database`(_ server: CommandServer) async throws {
        try await server.run(database: 9) { table, key in
            try await table.expect(PING(), "PONG")
            try await table.expect(ECHO("häl\r\nlo"), "häl\r\nlo")
            try await table.expect(ECHO(17, as: Int.self), 17)
            try await table.expect(TIME()) { abs($0.date.timeIntervalSinceNow) < 60 }
            try await table.expect(FLUSHDB(), "OK")
            try await table.expect(DBSIZE(), 0)
            try await table.expect(RANDOMKEY(), nil)
            try await table.expect(SET(key, "1"), "OK")
            try await table.expect(DBSIZE(), 1)
            try await table.expect(RANDOMKEY(), key)
            try await table.expect(FLUSHDB(asynchronously: false), "OK")
            try await table.expect(DBSIZE(), 0)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `OBJECT FREQ where the server counts uses`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind, settings: ["maxmemory-policy allkeys-lfu"])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let table = CommandTable(client: client)
            try await table.expect(SET("k", "v"), "OK")
            try await table.expect(OBJECT.FREQ("k")) { ($0 ?? 0) > 0 }
            try await table.expect(OBJECT.FREQ("x"), nil)
            try await table.refuse(OBJECT.IDLETIME("k"))
        }
    }

    @Test func `options of key commands on the wire`() {
        let dump = ByteBuffer(string: "d")
        let date = Date(timeIntervalSince1970: 5)
        check(wire(EXPIRE("k", .seconds(5), condition: .ifNone)), "EXPIRE k 5 NX")
        check(wire(PEXPIREAT("k", date, condition: .ifEarlier)), "PEXPIREAT k 5000 LT")
        check(wire(COPY("a", "b", database: 2, replacing: true)), "COPY a b DB 2 REPLACE")
        check(wire(RESTORE("k", dump)), "RESTORE k 0 d")
        // 0 would mean "never".
        check(wire(RESTORE("k", dump, expiry: .after(.zero))), "RESTORE k 1 d")
        check(wire(RESTORE("k", dump, expiry: .at(date), replacing: true)), "RESTORE k 5000 d REPLACE ABSTTL")
        check(wire(OBJECT.ENCODING("k")), "OBJECT ENCODING k")
        check(wire(FLUSHDB()), "FLUSHDB ASYNC")
        check(wire(FLUSHDB(asynchronously: false)), "FLUSHDB SYNC")
    }

    private static func isWithin(_ seconds: ClosedRange<Int>) -> (TimeToLive<Milliseconds>) -> Bool {
        { answer in
            guard case .remaining(let duration) = answer else { return false }
            return duration >= .seconds(seconds.lowerBound) && duration <= .seconds(seconds.upperBound)
        }
    }
}

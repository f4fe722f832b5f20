import NIOCore
import RESP
import RedisClient
import Testing

@Suite struct SetCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `set commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (a, b, x, d) = (key + "a", key + "b", key + "x", key + "d")
            try await table.expect(SADD(a, ["1", "2", "3"]), 3)
            try await table.expect(SADD(a, [3, 4]), 1)
            try await table.expect(SADD(b, [3, 4, 5]), 3)
            try await table.expect(sorted: SMEMBERS(a, as: Int.self), [1, 2, 3, 4])
            try await table.expect(SMEMBERS(x), [])
            try await table.expect(SISMEMBER(a, "1"), true)
            try await table.expect(SISMEMBER(a, "9"), false)
            try await table.expect(SMISMEMBER(a, [1, 9, 2]), [true, false, true])
            try await table.expect(SMISMEMBER(x, [1]), [false])
            try await table.expect(SCARD(a), 4)
            try await table.expect(SCARD(x), 0)
            try await table.expect(sorted: SINTER([a, b]), ["3", "4"])
            try await table.expect(sorted: SUNION([a, b], as: Int.self), [1, 2, 3, 4, 5])
            try await table.expect(sorted: SDIFF([a, b]), ["1", "2"])
            try await table.expect(SINTER([a, x]), [])
            try await table.expect(SINTERCARD([a, b]), 2)
            try await table.expect(SINTERCARD([a, b], limit: 1), 1)
            try await table.expect(SINTERSTORE(d, [a, b]), 2)
            try await table.expect(SUNIONSTORE(d, [a, b]), 5)
            try await table.expect(SDIFFSTORE(d, [a, b]), 2)
            try await table.expect(SMOVE(a, b, "1"), true)
            try await table.expect(SMOVE(a, b, "1"), false)
            try await table.expect(SREM(a, ["2", "9"]), 1)
            try await table.expect(sorted: SPOP(a, count: 9, as: Int.self), [3, 4])
            try await table.expect(SPOP(a, count: 9), [])
            try await table.expect(SPOP(a), nil)
            try await table.expect(SRANDMEMBER(a), nil)
            try await table.expect(SRANDMEMBER(a, count: 2), [])
            try await table.expect(SADD(a, [7]), 1)
            try await table.expect(SRANDMEMBER(a, as: Int.self), 7)
            try await table.expect(SRANDMEMBER(a, count: -3, as: Int.self), [7, 7, 7])
            try await table.expect(SPOP(a), "7")
            try await table.refuse(SADD(a, [String]()))
            try await table.refuse(SINTER([String]()))
            try await table.refuse(SINTERCARD([String]()))
            try await table.expect(SET(key + "s", ""), "OK")
            try await table.refuse(SMEMBERS(key + "s"), "WRONGTYPE")
        }
    }

    @Test func `SINTERCARD on the wire`() {
        check(wire(SINTERCARD(["a", "b"])), "SINTERCARD 2 a b")
        check(wire(SINTERCARD(["a"], limit: 5)), "SINTERCARD 1 a LIMIT 5")
    }
}

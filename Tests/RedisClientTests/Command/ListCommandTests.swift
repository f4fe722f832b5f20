import NIOCore
import RESP
import RedisClient
import Testing

@Suite struct ListCommandTests {
    @Test(arguments: CommandServer.allCases)
    func `list commands`(_ server: CommandServer) async throws {
        try await server.run { table, key in
            let (l, m, x) = (key + "l", key + "m", key + "x")
            try await table.expect(LPUSHX(l, ["a"]), 0)
            try await table.expect(RPUSHX(l, ["a"]), 0)
            try await table.expect(RPUSH(l, ["b", "c"]), 2)
            try await table.expect(LPUSH(l, ["a", "0"]), 4)
            try await table.expect(LPUSHX(l, ["x"]), 5)
            try await table.expect(RPUSHX(l, ["b", "z"]), 7)
            try await table.expect(LRANGE(l, as: String.self), ["x", "0", "a", "b", "c", "b", "z"])
            try await table.expect(LRANGE(l, 1, 2, as: String.self), ["0", "a"])
            try await table.expect(LRANGE(x, as: String.self), [])
            try await table.expect(LLEN(l), 7)
            try await table.expect(LINDEX(l, 1, as: Int.self), 0)
            try await table.expect(LINDEX(l, -1), "z")
            try await table.expect(LINDEX(l, 99), nil)
            try await table.expect(LPOS(l, "b"), 3)
            try await table.expect(LPOS(l, "b", rank: -1), 5)
            try await table.expect(LPOS(l, "b", rank: 1, maximumLength: 2), nil)
            try await table.expect(LPOS(l, "b", count: 0), [3, 5])
            try await table.expect(LPOS(l, "b", rank: 2, count: 0, maximumLength: 0), [5])
            try await table.expect(LPOS(x, "b"), nil)
            try await table.expect(LPOS(x, "b", count: 0), [])
            try await table.expect(LSET(l, 0, "y"), "OK")
            try await table.refuse(LSET(l, 99, "y"))
            try await table.refuse(LSET(x, 0, "y"))
            try await table.expect(LINSERT(l, before: "c", "bc"), 8)
            try await table.expect(LINSERT(l, after: "c", "cb"), 9)
            try await table.expect(LINSERT(l, after: "none", "-"), -1)
            try await table.expect(LINSERT(x, before: "c", "-"), 0)
            try await table.expect(LREM(l, -1, "b"), 1)
            try await table.expect(LREM(l, 0, "none"), 0)
            try await table.expect(LRANGE(l, as: String.self), ["y", "0", "a", "b", "bc", "c", "cb", "z"])
            try await table.expect(LTRIM(l, 1, -3), "OK")
            try await table.expect(LPOP(l, as: Int.self), 0)
            try await table.expect(RPOP(l), "c")
            try await table.expect(LMOVE(l, m, from: .left, to: .right), "a")
            try await table.expect(LMOVE(l, m, from: .right, to: .left), "bc")
            try await table.expect(LMOVE(x, m, from: .right, to: .left), nil)
            try await table.expect(RPOP(m, count: 5), ["a", "bc"])
            try await table.expect(LPOP(l, count: 5), ["b"])
            try await table.expect(LPOP(l, count: 5), nil)
            try await table.expect(RPOP(l, count: 5, as: Int.self), nil)
            try await table.expect(LPOP(l), nil)
            try await table.expect(RPOP(l), nil)
            try await table.refuse(LPUSH(l, [String]()))
        }
    }

    @Test func `options of list commands on the wire`() {
        check(wire(LPOS("l", "e")), "LPOS l e")
        check(
            wire(LPOS("l", "e", rank: -1, count: 2, maximumLength: 9)),
            "LPOS l e RANK -1 COUNT 2 MAXLEN 9"
        )
        check(wire(LPOS("l", "e", rank: 2, maximumLength: 9)), "LPOS l e RANK 2 MAXLEN 9")
        check(wire(LMOVE("a", "b", from: .left, to: .right)), "LMOVE a b LEFT RIGHT")
        check(wire(LINSERT("l", before: "p", "e")), "LINSERT l BEFORE p e")
        check(wire(LREM("l", -2, "e")), "LREM l -2 e")
    }
}

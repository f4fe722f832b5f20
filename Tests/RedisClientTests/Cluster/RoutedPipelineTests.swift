import NIOCore
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

@Suite struct RoutedPipelineTests {
    @Test func `each node gets its commands in one piece, and results are in order`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let results = try await executor.execute(pipeline: (0..<300).map { INCRBY("n\($0 % 100)", $0) })
            let sums = (0..<300).map { index in (0...index / 100).reduce(0) { $0 + index - 100 * $1 } }
            check(try results.map { try $0.get() }, sums)
            let sent = executor.takeSent()
            check(sent.map(\.server), [0, 1, 2])
            check(sent.map(\.count).reduce(0, +), 300)
            // What has no key goes with what was before it.
            let keys = (0..<3).map { SlotServers.key("mixed", at: $0) }
            let (set, ping, all, wrong, sum, count) = try await executor.execute(
                pipeline: SET(keys[2], "1"),
                PING(),
                MGET(keys, as: String.self),
                HGET(keys[2], "f", as: String.self),
                INCR(keys[2]),
                EXISTS(keys)
            )
            check(try set.get(), "OK")
            check(try ping.get(), "PONG")
            check(try all.get(), [nil, nil, "1"])
            check(failure(of: wrong)?.serverError, "WRONGTYPE")
            check(try sum.get(), 2)
            check(try count.get(), 1)
            let mixed = executor.takeSent()
            check(mixed.map(\.server), [0, 1, 2])
            check(mixed.map(\.count), [2, 2, 6])
        }
    }

    @Test func `while nodes are not known, the commands of each slot go by themselves`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            executor.knowsNodes.withLock { $0 = false }
            let keys = (0..<40).map { "unknown\($0 % 20)" }
            let results = try await executor.execute(pipeline: keys.map { INCR($0) })
            check(try results.map { try $0.get() }, (0..<40).map { $0 / 20 + 1 })
            check(executor.takeSent().count, Set(keys.map { HashSlot(of: $0) }).count)
        }
    }

    @Test func `a transaction within a pipeline stays in one piece at its node`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let (first, second) = (SlotServers.key("first", at: 0), SlotServers.key("second", at: 2))
            let (_, before, _, _, _, result, after) = try await executor.execute(
                pipeline: SET(first, 1),
                SET(second, 10),
                RawCommand("MULTI", returning: String.self),
                INCR(second),
                GET(second, as: Int.self),
                RawCommand("EXEC", returning: [Int].self),
                INCR(second)
            )
            check(try before.get(), "OK")
            check(try result.get(), [11, 11])
            check(try after.get(), 12)
            check(executor.takeSent().map(\.count).sorted(), [1, 6])
        }
    }

    @Test func `a script is carried to each node once, and run once`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let script = Script("return redis.call('INCR', KEYS[1]) -- \(UInt64.random(in: 0 ... .max))")
            func call(_ key: String) -> ScriptCall<Int> { ScriptCall(script, keys: (key), arguments: ()) }
            let keys = (0..<60).map { "s\($0)" }
            for round in 1...2 {
                let results = try await executor.execute(pipeline: keys.map(call))
                check(try results.map { try $0.get() }, Array(repeating: round, count: 60))
                // Sent in full to each: nobody had to be asked again.
                check(executor.takeSent().map(\.server), [0, 1, 2])
                for server in servers.servers { try server.cli("SCRIPT", "FLUSH") }
            }
            // Alone: by name first, then in full.
            for key in keys.prefix(6) { check(try await executor.execute(call(key)), 3) }
            check(executor.takeSent().count, 9)
        }
    }

    @Test func `commands that came to the wrong node are sent again, whatever they are`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            executor.error.withLock { $0 = 1 }
            let results = try await executor.execute(pipeline: (0..<20).map { INCR("w\($0)") })
            check(try results.map { try $0.get() }, Array(repeating: 1, count: 20))
            let sum = try await executor.execute(MSET((0..<20).map { (key: "w\($0)", value: $0) }))
            check(sum, "OK")
            let values = try await executor.execute(MGET((0..<20).map { "w\($0)" }, as: Int.self))
            check(values, (0..<20).map { $0 })
            // A transaction is not torn apart.
            let (_, _, second, _) = try await executor.execute(
                pipeline: RawCommand("MULTI", returning: String.self),
                INCR("w1"),
                INCR("w1"),
                RawCommand("EXEC", returning: [Int].self)
            )
            check(failure(of: second)?.serverError, "CLUSTERDOWN")
            check(try await executor.execute(GET("w1", as: Int.self)), 1)
        }
    }

    @Test func `whole commands within keys and values stay where they are`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let evil = "*1\r\n$8\r\nFLUSHALL\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n"
            let pairs = (0..<30).map { (key: "\(evil)\($0)", value: "\(evil){\($0)}") }
            check(try await executor.execute(SET("witness", "here")), "OK")
            check(try await executor.execute(MSET(pairs)), "OK")
            check(try await executor.execute(MGET(pairs.map(\.key), as: String.self)), pairs.map(\.value))
            let results = try await executor.execute(
                pipeline: pairs.map { RawCommand("GETSET", $0.key, $0.value + "!", returning: String.self) }
            )
            check(try results.map { try $0.get() }, pairs.map(\.value))
            let script = Script("return redis.call('GET', KEYS[1])")
            for pair in pairs {
                let value: String = try await executor.execute(ScriptCall(script, keys: (pair.key), arguments: (evil)))
                check(value, pair.value + "!")
            }
            check(try await executor.execute(GET("witness", as: String.self)), "here")
            check(try await executor.execute(DEL(pairs.map(\.key))), 30)
        }
    }
}

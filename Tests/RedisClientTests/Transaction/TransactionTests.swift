import RESP
import RedisClient
import TestServers
import Testing

/// MULTI, EXEC and WATCH against real servers.
@Suite struct TransactionTests {
    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `results come typed, in order, and one failure leaves the others`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "transaction:\(UInt64.random(in: 0 ... .max))"
            let script = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
            let (set, wrong, incremented, text) = try await client.execute(
                transaction: SET(key, 5),
                RawCommand("LPUSH", key, "x", returning: Int.self),
                ScriptCall(script, keys: (key), arguments: (2), returning: Int.self),
                GET(key, as: String.self)
            )
            #expect(try set.get() == "OK")
            let error = #expect(throws: RedisError.self) { try wrong.get() }
            #expect(error?.serverError == "WRONGTYPE")
            #expect(try incremented.get() == 7)
            #expect(try text.get() == "7")
            let many = try await client.execute(
                transaction: (0..<100).map { RawCommand("INCRBY", key, $0, returning: Int.self) }
            )
            check(try many.last?.get(), 7 + 99 * 50)
        }
    }

    @Test func `a command refused before EXEC lets none be carried out, and says which`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "transaction:\(UInt64.random(in: 0 ... .max))"
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(transaction: SET(key, "x"), RawCommand("GET", returning: String.self))
            }
            #expect(error?.code == .server)
            #expect(error?.delivery == .refused)
            check(error?.message.contains("wrong number of arguments") ?? false, true)
            #expect(try await client.execute(GET(key, as: String.self)) == nil)
        }
    }

    @Test func `nobody's command comes in between`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "transaction:\(UInt64.random(in: 0 ... .max))"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        for _ in 0..<50 {
                            let (first, second) = try await client.execute(
                                transaction: RawCommand("INCR", key, returning: Int.self),
                                RawCommand("INCR", key, returning: Int.self)
                            )
                            let (before, after) = (try first.get(), try second.get())
                            #expect(after == before + 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.execute(GET(key, as: Int.self)) == 2000)
        }
    }

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `a watched key that changes aborts, and the body runs again`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "watched:\(UInt64.random(in: 0 ... .max))"
            // Lost updates would show: read, think, write, by many at once.
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        var runs = 0
                        for _ in 0..<10 {
                            try await client.withTransaction(watching: [key], attempts: 1000) { connection in
                                runs += 1
                                let number = try await connection.execute(GET(key, as: Int.self)) ?? 0
                                _ = try await connection.execute(transaction: SET(key, number + 1))
                            }
                        }
                        return runs
                    }
                }
                let runs = try await group.reduce(0, +)
                #expect(runs > 100)
            }
            #expect(try await client.execute(GET(key, as: Int.self)) == 100)
            let error = await #expect(throws: RedisError.self) {
                try await client.withTransaction(watching: [key], attempts: 2) { connection in
                    _ = try await client.execute(SET(key, "other"))
                    _ = try await connection.execute(transaction: SET(key, "mine"))
                }
            }
            #expect(error?.code == .transactionAborted)
            #expect(error?.delivery == .refused)
            #expect(try await client.execute(GET(key, as: String.self)) == "other")
        }
    }

    @Test func `what would leave the shared connection in a transaction is refused`() async throws {
        try await withClient(configuration()) { client async throws in
            let (multi, exec, get) = (
                RawCommand("MULTI", returning: RESPValue.self), RawCommand("EXEC", returning: RESPValue.self),
                RawCommand("GET", "k", returning: RESPValue.self)
            )
            for pipeline in [[multi, get], [get, exec], [multi, multi, exec], [exec, multi], [multi, exec, multi]] {
                let error = await #expect(throws: RedisError.self) { try await client.execute(pipeline: pipeline) }
                #expect(error?.code == .exclusiveCommand)
            }
            let off = RawCommand("CLIENT", "reply", "OFF", returning: RESPValue.self)
            for executor in [client] {
                let error = await #expect(throws: RedisError.self) { try await executor.execute(off) }
                #expect(error?.code == .exclusiveCommand)
            }
            let inside = await #expect(throws: RedisError.self) {
                try await client.withConnection { try await $0.execute(off) }
            }
            #expect(inside?.code == .exclusiveCommand)
            #expect(try await client.execute(pipeline: [multi, get, exec]).count == 3)
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
    }
}

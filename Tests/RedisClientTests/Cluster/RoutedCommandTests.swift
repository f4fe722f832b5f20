import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

@Suite struct RoutedCommandTests {
    /// Two and two in one slot.
    private static let keys = (0..<100).map { "{\($0 / 2)} key \($0)" }

    @Test func `commands over many keys are split, with one round trip for each node`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let keys = Self.keys
            let stored = try await executor.execute(MSET(keys.map { (key: $0, value: "of \($0)") }))
            check(stored, "OK")
            check(executor.takeSent().map(\.server), [0, 1, 2])
            let asked = keys.reversed() + ["nothing", keys[7], keys[7]]
            let values = try await executor.execute(MGET(asked, as: String.self))
            check(values, keys.reversed().map { "of \($0)" } + [nil, "of \(keys[7])", "of \(keys[7])"])
            check(executor.takeSent().map(\.server), [0, 1, 2])
            check(try await executor.execute(EXISTS(keys + [keys[0], "nothing"])), 101)
            check(try await executor.execute(TOUCH(keys)), 100)
            check(try await executor.execute(MGET(keys, as: String.self).markedIdempotent()).count, 100)
            check(try await executor.execute(UNLINK(Array(keys[..<50]))), 50)
            check(try await executor.execute(DEL(keys).markedIdempotent()), 50)
            check(try await executor.execute(EXISTS(keys)), 0)
            _ = executor.takeSent()
            // In one slot nothing is split.
            check(try await executor.execute(MSET(["{a}1": 1, "{a}2": 2])), "OK")
            check(try await executor.execute(MGET(["{a}1", "{a}2"], as: Int.self)), [1, 2])
            check(executor.takeSent().map(\.count), [1, 1])
        }
    }

    @Test func `with a dead node, the error names exactly the keys that were not deleted`() async throws {
        let servers = try await SlotServers.start()
        defer { servers.stop() }
        try await servers.run { executor async throws in
            let keys = Self.keys
            let dead = keys.indices.filter { SlotServers.index(of: keys[$0]) == 1 }
            #expect(dead.count > 5)
            _ = try await executor.execute(MSET(keys.map { (key: $0, value: "v") }))
            servers.servers[1].stop()
            let error = await #expect(throws: RedisError.self) {
                try await executor.execute(DEL(keys), timeout: .milliseconds(700))
            }
            #expect(error?.code == .partialFailure)
            #expect(error?.delivery == .unknown)
            #expect(error?.keyFailures.keys.sorted() == dead)
            for failure in error?.keyFailures.values.map({ $0 }) ?? [] {
                #expect([.cannotConnect, .connectionClosed, .timeout].contains(failure.code), "\(failure)")
            }
            let rest = keys.indices.filter { !dead.contains($0) }.map { keys[$0] }
            check(try await executor.execute(EXISTS(rest)), 0)
            let deadKeys = dead.map { keys[$0] }
            // All parts fail alike: that error itself.
            let common = await #expect(throws: RedisError.self) {
                try await executor.execute(DEL(deadKeys), timeout: .milliseconds(300))
            }
            #expect(common?.code == .cannotConnect)
            #expect(common?.delivery == .notSent)
            #expect(common?.keyFailures.isEmpty == true)
            // In a pipeline only the node's own commands fail.
            let results = try await executor.execute(
                pipeline: keys.map { SET($0, "new") },
                timeout: .milliseconds(300)
            )
            for (index, result) in results.enumerated() {
                let failed = if case .failure = result { true } else { false }
                #expect(failed == dead.contains(index))
            }
        }
    }

    @Test func `what cannot be split is refused before anything is sent`() async throws {
        let servers = try await SlotServers.shared.value
        try await servers.run { executor async throws in
            let (a, b) = (SlotServers.key("a", at: 0), SlotServers.key("b", at: 1))
            let list = [a, b]
            let commands: [any RedisCommand] = [
                SINTER(list), MSETNX([a: 1, b: 2]), RENAME(a, b), ZUNIONSTORE(a, [b]),
                BLPOP(list, upTo: .seconds(1), as: (String, String).self),
                RawCommand("DEL", a, b, returning: Int.self),
                ScriptCall(Script("return 1"), keys: (a, b), arguments: (), returning: Int.self),
            ]
            func refuse(_ command: some RedisCommand) async {
                let error = await #expect(throws: RedisError.self) { try await executor.execute(command) }
                #expect(error?.code == .crossSlot, "\(command)")
                #expect(error?.delivery == .notSent)
                #expect(error?.message.contains("hash tag") == true)
            }
            for command in commands { await refuse(command) }
            let transaction = await #expect(throws: RedisError.self) {
                try await executor.execute(transaction: SET(a, 1), SET(b, 1))
            }
            #expect(transaction?.code == .crossSlot)
            let list2 = await #expect(throws: RedisError.self) {
                try await executor.execute(transaction: [SET(a, 1), SET(b, 1)])
            }
            #expect(list2?.code == .crossSlot)
            let inPipeline = await #expect(throws: RedisError.self) {
                try await executor.execute(
                    pipeline: RawCommand("MULTI", returning: String.self),
                    SET(a, 1),
                    SET(b, 1),
                    RawCommand("EXEC", returning: RESPValue.self)
                )
            }
            #expect(inPipeline?.code == .crossSlot)
            let exclusive = await #expect(throws: RedisError.self) {
                try await executor.execute(pipeline: SET(a, 1), RawCommand("SELECT", 0, returning: String.self))
            }
            #expect(exclusive?.code == .exclusiveCommand)
            check(executor.takeSent().count, 0)
            let (first, second, third) = try await executor.execute(pipeline: SET(a, 1), RENAME(a, b), INCR(b))
            check(try first.get(), "OK")
            check(failure(of: second)?.code, .crossSlot)
            check(try third.get(), 1)
            let (one, two) = try await executor.execute(transaction: SET("{x}1", 5), INCR("{x}1"))
            check(try one.get(), "OK")
            check(try two.get(), 6)
        }
    }
}

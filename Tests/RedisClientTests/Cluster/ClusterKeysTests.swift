import Foundation
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Pipelines, scripts, transactions and commands over many keys, at three real masters.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterKeysTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `commands over many keys and pipelines are spread over all shards`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            let keys = (0..<200).map { "many:\($0)" }
            check(try await client.execute(MSET(keys.map { (key: $0, value: $0) })), "OK")
            let asked = keys.reversed() + ["many:none", keys[3], keys[3]]
            check(
                try await client.execute(MGET(asked, as: String.self)),
                keys.reversed() + [nil, keys[3], keys[3]]
            )
            check(try await client.execute(EXISTS(keys + ["many:none", keys[0]])), 201)
            check(try await client.execute(TOUCH(keys)), 200)
            check(try await client.execute(UNLINK(Array(keys[..<100]))), 100)
            check(try await client.execute(DEL(keys)), 100)
            check(try await client.execute(EXISTS(keys)), 0)
            // In order for each key.
            let numbers = try await client.execute(
                pipeline: (0..<400).map { RawCommand("INCR", keys[$0 % 200], returning: Int.self) }
            )
            check(try numbers.map { try $0.get() }, Array(repeating: 1, count: 200) + Array(repeating: 2, count: 200))
            let (stored, deleted, gone) = try await client.execute(
                pipeline: SET("many:x", "1"),
                DEL(keys + ["many:x"]),
                GET("many:x", as: String.self)
            )
            check(try stored.get(), "OK")
            check(try deleted.get(), 201)
            check(try gone.get(), nil)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `scripts that some nodes have forgotten are sent to these in full`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await withClient(configuration(for: cluster)) { client async throws in
            let names = try cluster.names("script:\(UUID()):")
            let script = Script("return redis.call('INCRBY', KEYS[1], ARGV[1]) -- \(UUID())")
            func call(_ name: String, by: Int) -> ScriptCall<Int> {
                ScriptCall(script, keys: (name), arguments: (by), returning: Int.self)
            }
            for (_, name) in names { check(try await client.execute(call(name, by: 1)), 1) }
            for (round, (master, _)) in names.enumerated() {
                try master.cli("script", "flush")
                for (_, name) in names { check(try await client.execute(call(name, by: 1)), round + 2) }
            }
            for (master, _) in names { try master.cli("script", "flush") }
            let results = try await client.execute(pipeline: (names + names).map { call($0.name, by: 1) })
            check(try results.map { try $0.get() }, [5, 5, 5, 6, 6, 6])
            let several = ScriptCall(
                script,
                keys: (names[0].name, names[1].name),
                arguments: (1),
                returning: Int.self
            )
            let error = await #expect(throws: RedisError.self) { try await client.execute(several) }
            check(error?.code, .crossSlot)
            check(error?.delivery, .notSent)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `transactions in one slot, and none over several`(_ kind: ServerProcess.Kind) async throws {
        let cluster = try await SharedTopologies.shared.cluster(kind)
        try await cluster.withClient { client async throws in
            let tag = "{\(UUID())}"
            let (first, second) = try await client.execute(
                transaction: RawCommand("INCR", "\(tag)a", returning: Int.self),
                RawCommand("INCRBY", "\(tag)b", 5, returning: Int.self)
            )
            check(try first.get(), 1)
            check(try second.get(), 5)
            let names = try cluster.names("transaction:").map(\.name)
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(transaction: SET(names[0], 1), SET(names[1], 1))
            }
            check(error?.code, .crossSlot)
            let other = await #expect(throws: RedisError.self) {
                try await client.execute(SUNIONSTORE("s1", ["s2", "s3"]))
            }
            check(other?.code, .crossSlot)
            check(try await client.execute(EXISTS(names)), 0)
            // To another master: refused by the first, carried out once by the second.
            _ = try await cluster.move(tag)
            let (third, _) = try await client.execute(
                transaction: RawCommand("INCR", "\(tag)a", returning: Int.self),
                RawCommand("INCR", "\(tag)b", returning: Int.self)
            )
            check(try third.get(), 2)
        }
    }
}

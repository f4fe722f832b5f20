import NIOCore
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// What a bulk load costs on the way, and that a cluster's nodes all take part.
@Suite(.timeLimit(.minutes(2))) struct BulkRoundTripTests {
    private static let servers = StoreKind.servers.flatMap { kind in CellForm.allCases.map { (kind, $0) } }

    /// Nothing is sent beside what is counted: nobody asks for failovers.
    private static var silent: CacheConfiguration {
        var configuration = patient()
        configuration.journalReplay = .zero
        return configuration
    }

    @Test(arguments: Self.servers)
    func `a look, a claim and a fill are one round trip each for all keys`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind, cache: Self.silent) { oxbow async throws in
            let (client, cache) = (try #require(oxbow.client), try EitherCache<String>(oxbow, form))
            _ = try await client.execute(RawCommand("PING", returning: String.self))
            let keys = (0..<50).map { "\($0)" }
            let start = client.statistics
            _ = try await cache.values(for: keys) { rows($0) }
            let loaded = client.statistics
            #expect(loaded.flushes - start.flushes == 3)
            let commands =
                switch (form, kind) {
                case (.key, _): 50 + 50 + 50
                case (.field, .redisWithoutHSETEX): 1 + (50 + 4) + 50
                case (.field, _): 1 + 50 + 50
                }
            #expect(loaded.commands - start.commands == UInt64(commands))
            check(try await cache.values(for: keys) { _ in [:] }, rows(keys))
            #expect(client.statistics.flushes - loaded.flushes == 1)
            #expect(client.statistics.commands - loaded.commands == (form == .key ? 50 : 1))
            let found = client.statistics
            try await cache.invalidate(keys)
            #expect(client.statistics.flushes - found.flushes == 1)
        }
    }

    @Test func `large values are stored in pieces`() async throws {
        try await withOxbow(.redis, cache: Self.silent) { oxbow async throws in
            let (client, cache) = (try #require(oxbow.client), try EitherCache<String>(oxbow, .key))
            _ = try await client.execute(RawCommand("PING", returning: String.self))
            let keys = (0..<5).map { "\($0)" }
            let large = String(repeating: "x", count: 1_500_000)
            let start = client.statistics
            let values = try await cache.values(for: keys) { $0.reduce(into: [:]) { $0[$1] = large + $1 } }
            #expect(values.count == 5)
            // Three values pass 4 MiB.
            #expect(client.statistics.flushes - start.flushes == 1 + 1 + 2)
            #expect(try await cache.stored(keys) == values)
        }
    }

    @Test(arguments: Self.servers)
    func `bytes that are no value and keys of another type are replaced`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (client, cache) = (try #require(oxbow.client), try EitherCache<String>(oxbow, form))
            let keys = ["a", "b", "c"]
            let cell = cache.cell("b")
            if let field = cell.field {
                _ = try await client.execute(RawCommand("HSET", cell.key, field, "garbage", returning: Int.self))
            } else {
                _ = try await client.execute(SET(cell.key, "garbage"))
            }
            check(try await cache.values(for: keys) { rows($0) }, rows(keys))
            #expect(try await cache.stored(keys) == rows(keys))
            #expect(cache.statistics.unusable.foreign == 1)
            _ = try await client.execute(RawCommand("DEL", cell.key, returning: Int.self))
            _ = try await client.execute(RawCommand("RPUSH", cell.key, "x", returning: Int.self))
            check(try await cache.values(for: keys) { rows($0) }, rows(keys))
            #expect(try await cache.stored(keys) == rows(keys))
        }
    }

    @Test(arguments: CellForm.allCases)
    func `all masters of a cluster are asked at once`(_ form: CellForm) async throws {
        let cluster = try await SharedTopologies.shared.cluster()
        try await cluster.restore()
        var configuration = OxbowConfiguration()
        configuration.redis = RedisClientConfiguration(cluster)
        configuration.cache = Self.silent
        try await withOxbow(configuration) { oxbow async throws in
            let (client, database) = (try #require(oxbow.client), Database())
            let cache = try EitherCache<String>(oxbow, form)
            let keys = (0..<60).map { "\($0)" }
            // Connects to all nodes.
            for key in keys {
                _ = try await client.execute(GET("warm-up:\(key)", as: String.self), timeout: .seconds(20))
            }
            let start = client.statistics
            check(try await cache.values(for: keys) { database.rows($0) }, rows(keys))
            let loaded = client.statistics
            check(try await cache.values(for: keys + ["no-x"]) { database.rows($0) }, rows(keys))
            #expect(database.asked == [keys, ["no-x"]])
            let nodes = form == .key ? UInt64(try cluster.masters().count) : 1
            #expect(loaded.flushes - start.flushes == 3 * nodes)
            // The look at all, the claim and the fill of one.
            #expect(client.statistics.flushes - loaded.flushes == nodes + 2)
            let holders = try Set(keys.map { try cluster.slot(of: cache.cell($0).key.text) / 5461 })
            #expect(holders.count == Int(nodes))
            try await cache.invalidate(keys[0])
            #expect(try await cache.stored(keys).count == 59)
            try await cache.invalidate(keys + ["no-x"])
            #expect(try await cache.stored(keys).isEmpty)
            // The claims of a call that is cancelled are given back on all nodes.
            let gate = Gate()
            let cancelled = Task {
                try await cache.values(for: keys) { _ in
                    await gate.pass()
                    try await Task.sleep(for: .seconds(60))
                    return [:]
                }
            }
            await gate.arrival()
            gate.open()
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            let now = ContinuousClock.now
            check(try await cache.values(for: keys) { rows($0) }, rows(keys))
            #expect(now.duration(to: .now) < .seconds(4))
        }
    }
}

import Oxbow
import RedisClient
import TestServers
import Testing

/// Caches on a server that is full, under each policy of eviction.
@Suite(.timeLimit(.minutes(2))) struct EvictionTests {
    /// Regression: the hash of a group had no TTL of its own, so that `volatile-*` evicted everything but groups.
    @Test(
        arguments: ["allkeys-lru", "volatile-lru", "volatile-ttl", "noeviction"],
        [ServerProcess.Kind.redis, .valkey]
    )
    func `plain and grouped entries make room for each other`(_ policy: String, _ kind: ServerProcess.Kind) async throws
    {
        let server = try await ServerProcess.start(kind, settings: ["maxmemory-policy \(policy)"])
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache = patient()
        let value = String(repeating: "x", count: 10_000)
        try await withOxbow(configuration) { oxbow async throws in
            let (plain, grouped) = try (oxbow.cache("a", of: String.self), oxbow.groupedCache("b", of: String.self))
            _ = try await plain.value(for: "first") { value }
            let used = try server.cli("info", "memory").split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("used_memory:") }?
                .dropFirst("used_memory:".count)
            let limit = try #require(used.flatMap { Int($0) }) + 3_000_000
            try server.cli("config", "set", "maxmemory", "\(limit)")
            // Ten megabytes for three. A reader gets its value in any case.
            for number in 0..<500 {
                check(try await grouped.value(for: "k", in: "g\(number)") { value }, value)
                check(try await plain.value(for: "k\(number)") { value }, value)
            }
            let failed = plain.statistics.failedFills + grouped.statistics.failedFills
            check(failed == 0, policy != "noeviction")
            check(plain.statistics.loads, 501)
            check(grouped.statistics.loads, 500)
            if policy == "noeviction" { return }
            #expect(try await grouped.contains("k", in: "g499"))
            #expect(try await plain.contains("k499"))
        }
    }

    @Test(arguments: StoreKind.servers)
    func `the hash of a group lives as long as its longest field`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let module = freshModule()
            let cache = try oxbow.groupedCache(module, of: String.self, options: CacheOptions(jitterPercent: 0))
            let client = try #require(oxbow.client)
            func rest() async throws -> Int {
                try await client.execute(RawCommand("PTTL", "ox-cache:\(module):1:g", returning: Int.self))
            }
            try await cache.set("v", for: "long", in: "g", timeToLive: .seconds(1000))
            try await cache.set("v", for: "short", in: "g", timeToLive: .seconds(10))
            check(try await rest() > 900_000, true)
            try await cache.set("v", for: "longer", in: "g", timeToLive: .seconds(2000))
            check(try await rest() > 1_900_000, true)
            try await cache.update("long", in: "g") {}
            check(try await rest() > 1_900_000, true)
        }
    }
}

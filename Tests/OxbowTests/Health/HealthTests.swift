import Oxbow
import OxbowTesting
import RedisClient
import TestServers
import Testing

/// What an instance says of its servers.
@Suite(.timeLimit(.minutes(2))) struct HealthTests {
    private func configuration(_ server: ServerProcess) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.commandTimeout = .milliseconds(200)
        configuration.redis.breaker = CircuitBreakerConfiguration()
        configuration.redis.breaker?.failureThreshold = 2
        return configuration
    }

    @Test(arguments: [ServerProcess.Kind.redis, .valkey])
    func `a server that answers is shown with role, version and what it does when it is full`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let server = try await ServerProcess.start(kind, settings: ["maxmemory-policy allkeys-lru"])
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            try await expectEventually { await oxbow.health().isHealthy }
            let health = await oxbow.health()
            #expect(health.cache == nil && health.journal.pending == 0)
            let main = try #require(health.main)
            #expect(main.isReachable && main.breaker == .closed && main.pool.total == 1)
            let node = try #require(main.nodes.first)
            #expect(main.nodes.count == 1 && node.isHealthy && node.error == nil)
            #expect(node.address == .unix(path: server.unixPath) && node.role == .master)
            #expect(node.server?.name == (kind == .redis ? "redis" : "valkey"))
            #expect(node.evictionPolicy == "allkeys-lru")
            #expect(try #require(node.latency) < .seconds(1))
            try server.cli("replicaof", "127.0.0.1", "1")
            let demoted = await oxbow.health()
            #expect(demoted.main?.nodes.first?.role == .replica && !demoted.isHealthy)
        }
    }

    @Test func `a hung server is told in time, past the open breaker, and so is its return`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withOxbow(self.configuration(server)) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "v" }, "v")
            server.pause()
            check(try await cache.invalidate("k"), .journaled)
            for _ in 0..<3 { check(try await cache.value(for: "other") { "v" }, "v") }
            #expect(await oxbow.health(timeout: .milliseconds(50)).main?.breaker == .open)
            let start = ContinuousClock.now
            let health = await oxbow.health()
            let waited = start.duration(to: .now)
            #expect(waited < .milliseconds(1500))
            #expect(!health.isHealthy && health.main?.isReachable == false && health.journal.pending == 1)
            let node = try #require(health.main?.nodes.first)
            #expect(node.latency == nil && node.error != nil)
            server.resume()
            // The breaker is open for a minute: the question went past it.
            try await expectEventually { await oxbow.health().main?.isReachable == true }
            let back = await oxbow.health()
            #expect(back.main?.breaker == .open && !back.isHealthy)
        }
    }

    @Test func `an idle instance is healthy again when its breaker would let calls try`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = self.configuration(server)
        configuration.redis.breaker?.delay = .milliseconds(500)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "v" }, "v")
            server.pause()
            for _ in 0..<3 { check(try await cache.value(for: "other") { "v" }, "v") }
            server.resume()
            // Nobody calls.
            try await expectEventually { await oxbow.health().isHealthy }
            #expect(await oxbow.health().main?.breaker == .halfOpen)
        }
    }

    @Test func `before run and in memory there is an answer, too`() async throws {
        let idle = try Oxbow(OxbowConfiguration())
        let health = await idle.health()
        #expect(!health.isHealthy && health.main?.nodes.first?.error?.contains("notRunning") == true)
        let memory = await (try Oxbow(inMemory: CacheConfiguration())).health()
        #expect(memory.main == nil && memory.isHealthy)
    }

    @Test func `a separate instance, and one that refuses to tell, are shown by themselves`() async throws {
        let (first, second) = (try await ServerProcess.start(), try await ServerProcess.start())
        defer {
            first.stop()
            second.stop()
        }
        var configuration = self.configuration(first)
        configuration.cacheRedis = self.configuration(second).redis
        try await withOxbow(configuration) { oxbow async throws in
            try await expectEventually { await oxbow.health().isHealthy }
            try first.cli("acl", "setuser", "default", "-info")
            second.stop()
            try await expectEventually { await oxbow.health(timeout: .milliseconds(300)).cache?.isReachable == false }
            let health = await oxbow.health()
            #expect(health.main?.isReachable == true && health.main?.nodes.first?.evictionPolicy == nil)
            #expect(health.cache?.nodes.first?.error != nil && !health.isHealthy)
        }
    }

    @Test func `of a cluster all masters are asked, and one of them may be missing`() async throws {
        let cluster = try await SharedTopologies.shared.cluster()
        try await cluster.restore()
        var configuration = OxbowConfiguration()
        configuration.redis = RedisClientConfiguration(cluster)
        try await withOxbow(configuration) { oxbow async throws in
            try await expectEventually { await oxbow.health().isHealthy }
            let nodes = try #require(await oxbow.health().main?.nodes)
            #expect(nodes.count == 3 && nodes.allSatisfy { $0.role == .master && $0.latency != nil })
            let victim = try #require(cluster.nodes.first { .host("127.0.0.1", port: $0.port) == nodes[0].address })
            victim.pause()
            let health = await oxbow.health(timeout: .milliseconds(300))
            victim.resume()
            #expect(health.main?.isReachable == false)
            #expect(health.main?.nodes.filter { !$0.isHealthy }.map(\.address) == [nodes[0].address])
        }
        try await cluster.restore()
    }
}

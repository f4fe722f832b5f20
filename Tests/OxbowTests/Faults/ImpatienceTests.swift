import Oxbow
import OxbowTesting
import RedisClient
import TestServers
import Testing

/// Impatience is not a failure, and a server that is busy is a miss at once.
@Suite(.timeLimit(.minutes(1))) struct ImpatienceTests {
    private func configuration(_ server: ServerProcess) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        return configuration
    }

    /// Regression: five soft timeouts of one stall of 600 ms opened the breaker for a minute, for locks and maps, too.
    @Test func `a short stall does not open the breaker, a hung server does`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = self.configuration(server)
        configuration.redis.breaker = CircuitBreakerConfiguration()
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "warm") { "v" }, "v")
            func readTen() async throws {
                try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<10 { group.addTask { try await cache.value(for: "\(number)") { "v" } } }
                    for try await _ in group {}
                }
            }
            server.pause()
            try await readTen()
            server.resume()
            check(await oxbow.health().main?.breaker, .closed)
            check(try await oxbow.withLock("x", waitingAtMost: .seconds(1)) { _ in 1 }, 1)
            server.pause()
            defer { server.resume() }
            try await expectEventually {
                try await readTen()
                return await oxbow.health(timeout: .milliseconds(50)).main?.breaker == .open
            }
        }
    }

    /// Regression: a cached read took the whole soft timeout while the server was BUSY.
    @Test func `a server that is busy is a miss at once, and opens the breaker when that lasts`() async throws {
        let server = try await ServerProcess.start(settings: ["busy-reply-threshold 20"])
        defer { server.stop() }
        var configuration = self.configuration(server)
        configuration.redis.breaker = CircuitBreakerConfiguration()
        configuration.cache.softTimeout = .seconds(10)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            for key in ["1", "2"] { check(try await cache.value(for: key) { "old" }, "old") }
            let client = try #require(oxbow.client)
            // Over a connection of its own: what is sent behind it waits for its end.
            async let script = try? client.withConnection { connection in
                try await connection.execute(
                    RawCommand("EVAL", "while true do end", 0, returning: String.self),
                    timeout: .seconds(20)
                )
            }
            try await expectEventually { try await cache.value(for: "1") { "loaded" } == "loaded" }
            let start = ContinuousClock.now
            for _ in 0..<20 { check(try await cache.value(for: "2") { "loaded" }, "loaded") }
            #expect(start.duration(to: .now) < .seconds(5))
            try await expectEventually {
                _ = try await cache.values(for: ["1", "2"]) { keys in
                    Dictionary(uniqueKeysWithValues: keys.map { ($0, "loaded") })
                }
                return await oxbow.health(timeout: .milliseconds(50)).main?.breaker == .open
            }
            try server.cli("script", "kill")
            _ = await script
        }
    }

    /// Regression: health said "healthy" while a cluster refused every command.
    @Test func `a cluster that serves no key is not healthy`() async throws {
        let cluster = try await TestServers.ClusterTopology.start()
        var configuration = OxbowConfiguration()
        configuration.redis = RedisClientConfiguration(cluster)
        try await withOxbow(configuration) { oxbow async throws in
            try await expectEventually { oxbow.isSettled }
            check(await oxbow.health().isHealthy, true)
            let master = try cluster.master(of: "k")
            let slot = try cluster.slot(of: "k")
            try master.cli("cluster", "delslots", "\(slot)")
            try await expectEventually { await !oxbow.health().isHealthy }
            let cache = try oxbow.cache("a", of: String.self)
            // A miss at once, not after the soft timeout.
            let start = ContinuousClock.now
            for number in 0..<10 { check(try await cache.value(for: "\(number)") { "v" }, "v") }
            #expect(start.duration(to: .now) < .seconds(4))
        }
    }

    /// Regression: health was bad although everything worked, and maps could not be scanned in a cluster.
    @Test func `a user without PING is answered all the same`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try server.cli("acl", "setuser", "app", "on", ">p", "~*", "&*", "+@all", "-ping")
        var configuration = self.configuration(server)
        configuration.redis.credentials = RedisCredentials(username: "app", password: "p")
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.cache("a", of: String.self).value(for: "k") { "v" }, "v")
            check(await oxbow.health().isHealthy, true)
        }
    }
}

import Oxbow
import RedisClient
import TestServers
import Testing

/// A limiter whose server hangs, with all settings at their defaults: a command's own timeout is 5 s.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterOutageTests {
    private func withHungServer(
        _ body: @escaping @Sendable (Oxbow, ServerProcess) async throws -> Void
    ) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.rateLimiter("warm-up", permits: 1, per: .seconds(60)).acquire("k").isAllowed, true)
            server.pause()
            defer { server.resume() }
            try await body(oxbow, server)
        }
    }

    private func measure(_ body: () async throws -> RateLimitDecision) async throws -> RateLimitDecision {
        let start = ContinuousClock.now
        defer { #expect(start.duration(to: .now) < .seconds(1)) }
        return try await body()
    }

    @Test func `a call's own timeout limits it`() async throws {
        try await self.withHungServer { oxbow, _ async throws in
            let limiter = try oxbow.rateLimiter("a", permits: 2, per: .seconds(60))
            let error = await #expect(throws: OxbowError.self) {
                _ = try await self.measure { try await limiter.acquire("k", timeout: .milliseconds(200)) }
            }
            check(error?.code, .unavailable)
            check(error?.delivery, .unknown)
        }
    }

    @Test(arguments: [RateLimiter.Fallback.allow, .deny])
    func `a limiter with a fallback decides soon, and says that it was the fallback`(
        _ fallback: RateLimiter.Fallback
    ) async throws {
        try await self.withHungServer { oxbow, server async throws in
            let limiter = try oxbow.rateLimiter("a", permits: 2, per: .seconds(60), whenUnavailable: fallback)
            let expected = RateLimitDecision(
                isAllowed: fallback == .allow,
                remaining: 0,
                retryAfter: fallback == .allow ? .zero : nil,
                isFallback: true
            )
            check(try await self.measure { try await limiter.acquire("k") }, expected)
            check(try await self.measure { try await limiter.acquire("k", timeout: .milliseconds(50)) }, expected)
            server.resume()
            try await expectEventually { try await !limiter.acquire("other").isFallback }
            // Refused by the server.
            try server.cli("set", "ox-map:%log:a:60000000:wrong", "a string")
            check(try await limiter.acquire("wrong"), expected)
        }
    }

    @Test func `a fallback hides neither wrong arguments nor cancellation nor a client that does not run`() async throws
    {
        try await self.withHungServer { oxbow, _ async throws in
            let limiter = try oxbow.rateLimiter("a", permits: 2, per: .seconds(60), whenUnavailable: .allow)
            let wrong = await #expect(throws: OxbowError.self) { try await limiter.acquire("k", permits: 0) }
            check(wrong?.code, .invalidArgument)
            let task = Task { try await limiter.acquire("k", timeout: .seconds(30)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            // More than are ever given at once: decided without the server.
            check(
                try await limiter.acquire("k", permits: 3),
                RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: nil)
            )
        }
        let idle = try Oxbow(OxbowConfiguration(), logger: silent)
        let limiter = try idle.rateLimiter("a", permits: 2, per: .seconds(60), whenUnavailable: .allow)
        let error = await #expect(throws: OxbowError.self) { try await limiter.acquire("k") }
        check(error?.code, .notRunning)
    }
}

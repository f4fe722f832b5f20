import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// Callers with a limited wait, on a server that does not answer; with the default time limits.
@Suite(.timeLimit(.minutes(1))) struct LockTimeoutTests {
    /// Calls that fail because the server hangs: in how long.
    private func expectUnavailable(_ call: () async throws -> Void) async -> Duration {
        let start = ContinuousClock.now
        let error = await #expect(throws: OxbowError.self) { try await call() }
        check(error?.code, .unavailable)
        return start.duration(to: .now)
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a wait is bounded while the server hangs, to one second more`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.withLock("warm-up", waitingAtMost: .seconds(5)) { _ in 1 }, 1)
            // Held by another program.
            try server.cli("set", "ox-lock:{held}", "another")
            let start = ContinuousClock.now
            let waiter = Task {
                await self.expectUnavailable { try await oxbow.withLock("held", waitingAtMost: .seconds(1)) { _ in } }
            }
            try await expectEventually { try server.calls(of: "get") >= 1 }
            server.pause()
            defer { server.resume() }
            _ = await waiter.value
            let waited = start.duration(to: .now)
            #expect(waited > .milliseconds(900) && waited < .milliseconds(3500), "\(waited)")
            for wait in [Duration.zero, .milliseconds(100)] {
                let late = await self.expectUnavailable { try await oxbow.withLock("x", waitingAtMost: wait) { _ in } }
                #expect(late < .milliseconds(2500), "\(late)")
            }
            let late = await self.expectUnavailable { _ = try await oxbow.withLockIfAvailable("y") { _ in } }
            #expect(late < .milliseconds(2500), "\(late)")
            let confirmed = await self.expectUnavailable {
                try await oxbow.withLock("z", waitingAtMost: .zero, confirmedByReplicas: 1) { _ in }
            }
            #expect(confirmed < .milliseconds(3500), "\(confirmed)")
        }
    }

    @Test func `a shorter commandTimeout bounds it as well`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.commandTimeout = .milliseconds(300)
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.withLock("warm-up", waitingAtMost: .seconds(5)) { _ in 1 }, 1)
            server.pause()
            defer { server.resume() }
            let late = await self.expectUnavailable {
                try await oxbow.withLock("x", waitingAtMost: .seconds(60)) { _ in }
            }
            #expect(late < .milliseconds(900), "\(late)")
        }
    }
}

@testable import Oxbow
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// Locks that could not be given back at once.
@Suite(.timeLimit(.minutes(2))) struct LockReturnTests {
    @Test func `what nobody has any more is given back as soon as the server can be reached, not at the lease's end`()
        async throws
    {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let proxy = try await FaultProxy.start(to: .host("127.0.0.1", port: server.port))
        defer { proxy.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host(proxy.host, port: proxy.port)
        // Longer than it takes to cut the network.
        configuration.redis.commandTimeout = .seconds(3)
        func isThere(_ name: String) throws -> Bool { try server.cli("exists", "ox-lock:{\(name)}") == "1" }
        func cut() async throws {
            try await proxy.refuse()
            proxy.resetConnections()
        }
        func mend() async throws {
            proxy.set(.pass)
            try await proxy.listen()
        }
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.withLockIfAvailable("warm-up") { _ in 1 }, 1)
            // Taken by a call that never hears of it.
            proxy.set(.dropReplies)
            let call = Task { try await oxbow.withLock("orphan", waitingAtMost: .seconds(3)) { _ in 1 } }
            try await expectEventually { try isThere("orphan") }
            try await cut()
            let error = await #expect(throws: OxbowError.self) { try await call.value }
            check(error?.code, .unavailable)
            check(try isThere("orphan"), true)
            try await mend()
            let start = ContinuousClock.now
            try await expectEventually { try !isThere("orphan") }
            #expect(start.duration(to: .now) < .seconds(10))
            // Had, and not given back: the network is away when the body ends.
            try await oxbow.withLock("kept", waitingAtMost: .seconds(5)) { _ async throws in try await cut() }
            check(try isThere("kept"), true)
            try await mend()
            let end = ContinuousClock.now
            try await expectEventually { try !isThere("kept") }
            #expect(end.duration(to: .now) < .seconds(10))
        }
    }

    @Test func `a lock whose lease was over when the answer came is given back`() async throws {
        let store = SlowLockStore(delay: .milliseconds(300))
        let locks = Locks(store: store, prefix: "ox-lock", logger: silent)
        let background = Task { await locks.background.run() }
        defer { background.cancel() }
        try await expectEventually { locks.background.submit {} == .accepted }
        let error = await #expect(throws: OxbowError.self) {
            _ = try await locks.with("late", until: .now, lease: .milliseconds(200), confirmedBy: 0) { _ in 1 }
        }
        check(error?.code, .unavailable)
        try await expectEventually { store.releases.value >= 1 }
    }

    @Test func `a lock whose renewals are heard and not answered is given back when its holder has lost it`()
        async throws
    {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let proxy = try await FaultProxy.start(to: .host("127.0.0.1", port: server.port))
        defer { proxy.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host(proxy.host, port: proxy.port)
        configuration.redis.commandTimeout = .seconds(1)
        configuration.redis.connectTimeout = .milliseconds(500)
        try await withOxbow(configuration) { oxbow async throws in
            let gate = Gate()
            let holder = Task {
                try await oxbow.withLock("unanswered", waitingAtMost: .zero, lease: .seconds(9)) { _ in
                    await gate.pass()
                    try await Task.sleep(for: .seconds(60))
                }
            }
            await gate.arrival()
            gate.open()
            // Just before the first renewal, so that the connection is not held for dead by then.
            try await Task.sleep(for: .milliseconds(2600))
            proxy.set(.dropReplies)
            let error = await #expect(throws: OxbowError.self) { try await holder.value }
            check(error?.code, .leaseEnded)
            // The server has prolonged it a moment ago; it is not there any more before that ends.
            let life = try #require(Int(server.cli("pttl", "ox-lock:{unanswered}")))
            #expect(life > 2000, "\(life) ms")
            let start = ContinuousClock.now
            proxy.set(.pass)
            try await expectEventually { try server.cli("exists", "ox-lock:{unanswered}") == "0" }
            #expect(start.duration(to: .now) < .milliseconds(life), "\(life) ms")
        }
    }
}

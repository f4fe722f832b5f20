import Oxbow
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
            check(try await oxbow.tryLock("warm-up") { _ in 1 }, 1)
            // Taken by a call that never hears of it.
            proxy.set(.dropReplies)
            let call = Task { try await oxbow.tryLock("orphan") { _ in 1 } }
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
}

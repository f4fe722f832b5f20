import Foundation
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// A client of other make on the same keys: redis-py's own lock, and its SET NX PX.
@Suite(.timeLimit(.minutes(1))) struct ForeignLockTests {
    /// Has redis-py do something with a lock, on a thread of its own.
    private static func redisPy(_ server: ServerProcess, _ action: String, _ name: String) async throws -> String {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "locks.py").path
        let arguments = [script, "\(server.port)", action, "ox-lock:{\(name)}"]
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result { try Installation.run("python-redis", arguments, limit: .seconds(40)) }
                )
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `redis-py honours our lock and we honour its, and its release wakes who waits`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            try await oxbow.withLock("ours", waitingAtMost: .zero) { lease async throws in
                check(try await Self.redisPy(server, "try", "ours"), "False")
                check(try await Self.redisPy(server, "set", "ours"), "None")
                check(try await Self.redisPy(server, "steal", "ours"), "LockNotOwnedError")
                try lease.check()
            }
            check(oxbow.lockStatistics.lost, 0)
            // It leaves it for half a minute.
            check(try await Self.redisPy(server, "set", "theirs"), "True")
            check(try await oxbow.withLockIfAvailable("theirs") { _ in true }, nil)
            // Given back after two seconds: nobody waits for the end of its 30 s.
            async let holding = Self.redisPy(server, "hold", "passed on")
            try await expectEventually { try server.cli("exists", "ox-lock:{passed on}") == "1" }
            let start = ContinuousClock.now
            try await oxbow.withLock("passed on", waitingAtMost: .seconds(20)) { _ in
                #expect(start.duration(to: .now) < .seconds(10))
            }
            check(try await holding, "True")
            check(try await Self.redisPy(server, "try", "passed on"), "True")
        }
    }
}

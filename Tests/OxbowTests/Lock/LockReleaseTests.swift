import Logging
import Oxbow
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// What a holder learns when it releases its lock.
@Suite(.timeLimit(.minutes(1))) struct LockReleaseTests {
    private struct Mistake: Error {}

    private func configuration(_ port: Int) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: port)
        return configuration
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a lock that is gone or taken when its body ends is lost, counted and named in the log`(
        _ kind: ServerProcess.Kind
    ) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        let log = LogRecorder()
        try await withOxbow(self.configuration(server.port), logger: log.logger) { oxbow async throws in
            for (name, command) in [("deleted", ["del"]), ("stolen", ["set"])] {
                let rest = command == ["set"] ? ["another", "PX", "60000"] : []
                let error = await #expect(throws: OxbowError.self) {
                    try await oxbow.withLock(name, waitingAtMost: .seconds(5)) { _ in
                        _ = try server.cli(command + ["ox-lock:{\(name)}"] + rest)
                    }
                }
                check(error?.code, .leaseEnded)
                #expect(log.messages(at: .warning).contains { $0.contains("lock lost") && $0.contains(name) })
            }
            check(oxbow.lockStatistics.lost, 2)
            check(try server.cli("get", "ox-lock:{stolen}"), "another")
            // The body's own error says more, and the loss is counted.
            await #expect(throws: Mistake.self) {
                try await oxbow.withLock("failed", waitingAtMost: .seconds(5)) { _ in
                    try server.cli("del", "ox-lock:{failed}")
                    throw Mistake()
                }
            }
            check(oxbow.lockStatistics.lost, 3)
            check(try await oxbow.withLock("kept", waitingAtMost: .seconds(5)) { _ in 1 }, 1)
            check(oxbow.lockStatistics.lost, 3)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a release whose answer is lost with its connection is no loss`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        let proxy = try await FaultProxy.start(to: .host("127.0.0.1", port: server.port))
        defer { proxy.stop() }
        try await withOxbow(self.configuration(proxy.port)) { oxbow async throws in
            for name in ["warm-up", "repeated"] {
                let before = try server.calls(of: "evalsha", "eval")
                async let result = oxbow.withLock(name, waitingAtMost: .seconds(5)) { _ in
                    if name == "repeated" { proxy.set(.dropReplies) }
                    return 1
                }
                if name == "repeated" {
                    // Taken, and released without an answer.
                    try await expectEventually { try server.calls(of: "evalsha", "eval") >= before + 2 }
                    proxy.set(.pass)
                    proxy.resetConnections()
                }
                check(try await result, 1)
                let count = try server.calls(of: "evalsha", "eval") - before
                if name == "repeated" { #expect(count == 3, "released \(count - 1) times") }
            }
            check(oxbow.lockStatistics.lost, 0)
            check(try server.cli("exists", "ox-lock:{repeated}"), "0")
        }
    }
}

import OxbowTesting
import Synchronization
import Testing

@testable import RedisClient

/// Attempts beside attempts that hang.
@Suite(.timeLimit(.minutes(1))) struct HedgedTests {
    private struct Failure: Error, Equatable { let name: String }

    private final class Notes: Sendable {
        let begun = Mutex<[Duration?]>([])
    }

    @Test func `another attempt is made beside one that hangs, and the first to succeed wins`() async throws {
        let notes = Notes()
        let outcome = try await hedged(every: .milliseconds(20)) { limit in
            notes.begun.withLock { $0.append(limit) }
            if limit == nil { try await Task.sleep(for: .seconds(60)) }
            return "hedge"
        }
        check(outcome.winner, "hedge")
        #expect(outcome.late.isEmpty)
        check(notes.begun.withLock { $0 }, [nil, .milliseconds(18)])
    }

    @Test func `attempts that fail beside one that hangs end nothing`() async throws {
        let notes = Notes()
        let outcome = try await hedged(every: .milliseconds(10)) { limit in
            let number = notes.begun.withLock { begun in
                begun.append(limit)
                return begun.count
            }
            if limit == nil { try await Task.sleep(for: .seconds(60)) }
            if number < 4 { throw Failure(name: "hedge") }
            return number
        }
        check(outcome.winner, 4)
    }

    @Test func `a failure is thrown at once, and the first one's when both fail`() async throws {
        let notes = Notes()
        await #expect(throws: Failure(name: "first")) {
            try await hedged(every: .seconds(60)) { _ -> Int in throw Failure(name: "first") }
        }
        await #expect(throws: Failure(name: "first")) {
            try await hedged(every: .milliseconds(10)) { limit in
                notes.begun.withLock { $0.append(limit) }
                try await Task.sleep(for: .milliseconds(limit == nil ? 30 : 60))
                if notes.begun.withLock({ $0.isEmpty }) { return 1 }
                throw Failure(name: limit == nil ? "first" : "hedge")
            }
        }
        check(notes.begun.withLock { $0.count }, 2)
    }

    @Test func `what comes too late is handed over, and cancellation ends all`() async throws {
        let outcome = try await hedged(every: .milliseconds(10)) { limit in
            // Goes on although cancelled: it has come too late.
            if limit == nil { try? await Task.sleep(for: .seconds(60)) }
            return limit == nil ? "first" : "hedge"
        }
        check(outcome.winner, "hedge")
        check(outcome.late, ["first"])
        let hanging = Task {
            try await hedged(every: .milliseconds(10)) { _ in
                try await Task.sleep(for: .seconds(60))
                return 1
            }
        }
        try await Task.sleep(for: .milliseconds(50))
        hanging.cancel()
        await #expect(throws: CancellationError.self) { try await hanging.value }
    }

    /// As behind a proxy that has found another server meanwhile.
    @Test func `a handshake that hangs is overtaken by the next connection's`() async throws {
        let hanging = ScriptedServer.Handshake.standard.overriding { $0.connection == 0 ? .ignore : nil }
        let server = try await ScriptedServer.start(handshake: hanging) { _ in .init("+OK\r\n") }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let start = ContinuousClock.now
            _ = try await client.execute(RawCommand("PING", returning: String.self), timeout: .seconds(5))
            // Long before the five seconds of `connectTimeout`.
            #expect(start.duration(to: .now) < .seconds(3))
            check(client.statistics.connects, 1)
        }
    }

    @Test func `a server whose handshakes hang has few connections to hang on`() async throws {
        let server = try await ScriptedServer.start(handshake: .init { _ in .ignore }) { _ in .ignore }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.pool.maximumTotal = 3
        try await withClient(configuration) { client async throws in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { try? await client.withConnection(timeout: .milliseconds(2500)) { _ in } }
                }
                var most = 0
                for _ in 0..<100 {
                    most = max(most, server.openConnections)
                    try? await Task.sleep(for: .milliseconds(25))
                }
                // The pool's, and one attempt beside the shared connection's.
                #expect((3...4).contains(most))
            }
        }
    }
}

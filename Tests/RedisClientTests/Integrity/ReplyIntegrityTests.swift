import Foundation
import OxbowTesting
import RedisClient
import TestServers
import Testing

/// Callers give up at random moments while the network stumbles, and every reply that arrives
/// is its caller's own.
///
/// The number of commands is that of `OXBOW_INTEGRITY_COMMANDS`, a small one without it; the full run is
///
///     OXBOW_INTEGRITY_COMMANDS=10000000 ./Tests/run --filter ReplyIntegrity
///
/// `OXBOW_INTEGRITY_SEED` repeats the random choices of an earlier run, though not the machine's timing.
@Suite struct ReplyIntegrityTests {
    @Test func `no reply is crossed, lost or duplicated`() async throws {
        let environment = ProcessInfo.processInfo.environment
        let commands = environment["OXBOW_INTEGRITY_COMMANDS"].flatMap { Int($0) } ?? 300_000
        let seed = environment["OXBOW_INTEGRITY_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...999_999)
        print("reply integrity: \(commands) commands, seed \(seed)")
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await FaultProxy.withProxy(to: server.upstream) { proxy async throws in
            var configuration = proxy.configuration
            // A connection that is silent for twice as long is given up.
            configuration.commandTimeout = .milliseconds(500)
            try await withClient(configuration) { client async throws in
                let run = IntegrityRun(client: client, seed: seed, target: commands)
                try await run.prepare(server)
                let start = ContinuousClock.now
                let counts = try await run.run(proxy, server)
                let (seconds, attoseconds) = start.duration(to: .now).components
                let duration = Double(seconds) + Double(attoseconds) / 1e18
                print(counts.table(seed: seed, seconds: duration, connections: client.statistics.connects))
                for example in counts.examples { print("  wrong: \(example)") }
                #expect(counts.crossed == 0, "seed \(seed)")
                #expect(counts.lost == 0, "seed \(seed)")
                #expect(counts.duplicated == 0, "seed \(seed)")
                // A run without faults would prove nothing.
                #expect(counts.replies > counts.commands / 3)
                #expect(counts.cancelled > 0 && counts.timedOut > 0 && counts.lostConnections > 0)
                #expect(client.statistics.connects > 1)
            }
        }
    }
}

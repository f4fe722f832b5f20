import Oxbow
import RedisClient
import TestServers
import Testing

/// What changes cost while the store is away, with the default time-outs: `softTimeout` is 500 ms, `commandTimeout` 5 s.
@Suite(.serialized, .timeLimit(.minutes(1))) struct OutageLatencyTests {
    enum Outage: CaseIterable, Sendable { case hangs, gone }

    /// Regression: closing and opening each waited for `commandTimeout`, so that every write took ten seconds longer.
    @Test(arguments: Outage.allCases)
    func `an update adds no more than a read may, and says that it was journaled`(_ outage: Outage) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            for key in ["1", "2"] { check(try await cache.value(for: key) { "old" }, "old") }
            switch outage {
            case .hangs: server.pause()
            case .gone: try await server.kill()
            }
            let clock = ContinuousClock()
            for _ in 0..<2 {
                let single = try await clock.measure { try await cache.update("1") {} }
                #expect(single < .milliseconds(1500))
                let several = try await clock.measure { try await cache.update(["2", "3"]) {} }
                #expect(several < .milliseconds(1500))
                let through = try await clock.measure {
                    check(try await cache.writeThrough("4") { "new" }, Updated(value: "new", outcome: .journaled))
                }
                #expect(through < .milliseconds(1500))
                let invalidated = try await clock.measure { check(try await cache.invalidate("5"), .journaled) }
                #expect(invalidated < .milliseconds(1500))
            }
            check(oxbow.invalidationJournal.pending, 5)
            if outage == .hangs { server.resume() }
        }
    }

    @Test func `closing and opening are one round trip each, with a hold-off too`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        for holdOff in [nil, Duration.seconds(2)] {
            var configuration = OxbowConfiguration()
            configuration.redis.address = .unix(path: server.unixPath)
            configuration.cache.holdOff = holdOff
            configuration.cache.journalReplay = .zero
            try await withOxbow(configuration) { oxbow async throws in
                let cache = try oxbow.cache("a", of: String.self)
                try await cache.update("k") {}
                let before = try server.calls(of: "evalsha")
                try await cache.update("k") {}
                check(try server.calls(of: "evalsha") - before, 2)
            }
        }
    }
}

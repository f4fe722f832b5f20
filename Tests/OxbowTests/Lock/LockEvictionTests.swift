import Logging
import Oxbow
import RedisClient
import TestServers
import Testing

/// Locks on a server that may evict them.
@Suite(.timeLimit(.minutes(1))) struct LockEvictionTests {
    @Test(arguments: [ServerProcess.Kind.redis, .valkey], ["allkeys-lru", "volatile-ttl", "noeviction", "unlimited"])
    func `the log warns once where locks may be evicted`(_ kind: ServerProcess.Kind, _ policy: String) async throws {
        let isUnlimited = policy == "unlimited"
        let settings =
            isUnlimited ? ["maxmemory-policy allkeys-lru"] : ["maxmemory-policy \(policy)", "maxmemory 100mb"]
        let server = try await ServerProcess.start(kind, settings: settings)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache = patient()
        let log = LogRecorder()
        try await withOxbow(configuration, logger: log.logger) { oxbow async throws in
            for _ in 0..<3 { try await oxbow.withLock("job", waitingAtMost: .seconds(5)) { _ in } }
        }
        let warnings = log.messages(at: .warning).count { $0.contains("evict locks") }
        #expect(warnings == (policy == "noeviction" || isUnlimited ? 0 : 1))
    }
}

import ArgumentParser
import RedisClient
import TestServers

/// How the servers are arranged.
enum FailoverTopology: String, CaseIterable, Sendable, ExpressibleByArgument {
    case sentinel, cluster, haproxy
}

/// How soon the servers notice.
struct FailoverTimers: Sendable {
    var nodeTimeout: Int
    var checks: HAProxyTopology.Checks
    var fastTimers: Bool
}

/// A private topology, and what the run needs to know of it.
///
/// Its servers end with this value.
struct FailoverSetting: Sendable {
    /// How the servers decide, in words.
    var summary: String
    /// How long a server is silent before it is held for dead; behind HAProxy, the pause between two of its checks.
    var detection: Duration
    /// How the client finds the servers.
    var configuration: RedisClientConfiguration
    /// The master that is broken.
    var broken: ServerProcess
    /// Words that, in braces, make keys of the broken master.
    var tags: [String]
    /// Words that, in braces, make keys of other masters; none where there are no others.
    var otherTags: [String] = []
    var probe: WriteProbe
    /// How long the old master may go on as a master after it is back, and a little longer.
    var afterReturn: Duration
    /// The client is to write at the latest so long after the yardstick; `nil`: nothing is promised.
    var target: Duration?
    /// Waits until all servers are in order and the old master has become a replica.
    ///
    /// - Returns: for a tag the master of its keys.
    var settle: @Sendable () async throws -> @Sendable (_ tag: String) throws -> ServerProcess

    static func start(
        _ topology: FailoverTopology,
        _ timers: FailoverTimers,
        _ kind: ServerProcess.Kind
    ) async throws -> FailoverSetting {
        switch topology {
        case .sentinel: try await .sentinel(timers, kind)
        case .cluster: try await .cluster(timers, kind)
        case .haproxy: try await .haproxy(timers, kind)
        }
    }

    private static func sentinel(_ timers: FailoverTimers, _ kind: ServerProcess.Kind) async throws -> FailoverSetting {
        let topology = try await SentinelTopology.start(kind, fastTimers: timers.fastTimers)
        var configuration = RedisClientConfiguration()
        var sentinel = SentinelConfiguration(topology.sentinels.map(\.address))
        sentinel.masterName = topology.masterName
        sentinel.credentials = RedisCredentials(password: topology.sentinelPassword)
        configuration.topology = .sentinel(sentinel)
        configuration.credentials = RedisCredentials(password: topology.password)
        let master = try topology.master()
        return FailoverSetting(
            summary: "a master, 2 replicas and 3 Sentinels, down-after 500 ms"
                + (timers.fastTimers ? ", fast timers" : ""),
            detection: .milliseconds(500),
            configuration: configuration,
            broken: master,
            tags: Self.candidates(8),
            probe: WriteProbe(
                ports: topology.servers.filter { $0 !== master }.map(\.port),
                password: topology.password,
                key: "{oxbow-bench}:probe",
                isFront: false
            ),
            afterReturn: .seconds(timers.fastTimers ? 4 : 13),
            target: .milliseconds(300),
            settle: {
                try await topology.restore()
                let master = try topology.master()
                return { _ in master }
            }
        )
    }

    private static func cluster(_ timers: FailoverTimers, _ kind: ServerProcess.Kind) async throws -> FailoverSetting {
        let topology = try await ClusterTopology.start(kind, nodeTimeout: timers.nodeTimeout)
        var configuration = RedisClientConfiguration()
        configuration.topology = .cluster(ClusterConfiguration(topology.nodes.map(\.address)))
        configuration.credentials = RedisCredentials(password: topology.password)
        let broken = try topology.master(ofSlot: 0)
        let owned = try Self.candidates(40).map { (tag: $0, isBroken: try topology.master(of: $0) === broken) }
        let tags = owned.filter(\.isBroken).map(\.tag)
        let otherTags = owned.filter { !$0.isBroken }.map(\.tag)
        guard let tag = tags.first, !otherTags.isEmpty else { throw BenchmarkError("all keys have one master") }
        return FailoverSetting(
            summary: "a cluster of 3 masters with a replica each, node-timeout \(timers.nodeTimeout) ms",
            detection: .milliseconds(timers.nodeTimeout),
            configuration: configuration,
            broken: broken,
            tags: tags,
            otherTags: otherTags,
            probe: WriteProbe(
                ports: topology.nodes.filter { $0 !== broken }.map(\.port),
                password: topology.password,
                key: "{\(tag)}:probe",
                isFront: false
            ),
            afterReturn: .seconds(4),
            target: .milliseconds(300),
            settle: {
                try await topology.restore()
                return { try topology.master(of: $0) }
            }
        )
    }

    private static func haproxy(_ timers: FailoverTimers, _ kind: ServerProcess.Kind) async throws -> FailoverSetting {
        let topology = try await HAProxyTopology.start(timers.checks, kind)
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: topology.port)
        configuration.requiredRole = .master
        configuration.credentials = RedisCredentials(password: topology.sentinel.password)
        let isFast = timers.checks == .fast
        return FailoverSetting(
            summary: "HAProxy with checks every \(isFast ? "200 ms" : "3 s"), before a master and 2 replicas under "
                + "3 Sentinels, down-after 500 ms",
            detection: isFast ? .milliseconds(200) : .seconds(3),
            configuration: configuration,
            broken: try topology.sentinel.master(),
            tags: Self.candidates(8),
            probe: WriteProbe(
                ports: [topology.port],
                password: topology.sentinel.password,
                key: "{oxbow-bench}:probe",
                isFront: true
            ),
            afterReturn: .seconds(isFast ? 4 : 17),
            target: nil,
            settle: {
                try await topology.sentinel.restore()
                let master = try topology.sentinel.master()
                return { _ in master }
            }
        )
    }

    private static func candidates(_ count: Int) -> [String] { (0..<count).map { "failover-\($0)" } }
}

extension ServerProcess {
    fileprivate var address: RedisAddress { .host("127.0.0.1", port: self.port) }
}

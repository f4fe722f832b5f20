/// Topologies that are started once per process, when first asked for, and shared by all tests.
///
/// Tests that use one must run one after another, and restore what they have broken.
public actor SharedTopologies {
    /// The topologies of this process.
    public static let shared = SharedTopologies()

    private var sentinels: [ServerProcess.Kind: Task<SentinelTopology, any Error>] = [:]
    private var clusters: [Cluster: Task<ClusterTopology, any Error>] = [:]
    private var fronts: [HAProxyTopology.Checks: Task<HAProxyTopology, any Error>] = [:]

    private init() {}

    /// Redis 8 or Valkey 9 under Sentinels as they are in real life.
    public func sentinel(_ kind: ServerProcess.Kind = .redis) async throws -> SentinelTopology {
        let task = self.sentinels[kind] ?? Task { try await SentinelTopology.start(kind) }
        self.sentinels[kind] = task
        return try await task.value
    }

    /// A cluster of Redis 8 or Valkey 9, with TLS or without.
    public func cluster(_ kind: ServerProcess.Kind = .redis, tls: Bool = false) async throws -> ClusterTopology {
        let key = Cluster(kind: kind, tls: tls)
        let task = self.clusters[key] ?? Task { try await ClusterTopology.start(kind, tls: tls ? ServerTLS() : nil) }
        self.clusters[key] = task
        return try await task.value
    }

    /// HAProxy in front of Redis 8, with servers and Sentinels of its own.
    public func haproxy(_ checks: HAProxyTopology.Checks) async throws -> HAProxyTopology {
        let task = self.fronts[checks] ?? Task { try await HAProxyTopology.start(checks) }
        self.fronts[checks] = task
        return try await task.value
    }

    private struct Cluster: Hashable {
        let kind: ServerProcess.Kind
        let tls: Bool
    }
}

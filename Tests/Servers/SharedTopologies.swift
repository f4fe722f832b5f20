/// Topologies that are started once per process, when first asked for, and shared by all tests.
///
/// Tests that use one must run one after another, and restore what they have broken.
public final class SharedTopologies: Sendable {
    /// The topologies of this process.
    public static let shared = SharedTopologies()

    private let sentinels = StartedOnce<ServerProcess.Kind, SentinelTopology>()
    private let clusters = StartedOnce<Cluster, ClusterTopology>()
    private let fronts = StartedOnce<HAProxyTopology.Checks, HAProxyTopology>()

    /// With less, a busy machine makes sentinels replace masters that are well.
    private static let downAfterMilliseconds = 1000

    private init() {}

    /// Redis 8 or Valkey 9 under Sentinels as they are in real life.
    public func sentinel(_ kind: ServerProcess.Kind = .redis) async throws -> SentinelTopology {
        try await self.sentinels.value(kind) {
            try await SentinelTopology.start(kind, downAfterMilliseconds: Self.downAfterMilliseconds)
        }
    }

    /// A cluster of Redis 8 or Valkey 9, with TLS or without.
    public func cluster(_ kind: ServerProcess.Kind = .redis, tls: Bool = false) async throws -> ClusterTopology {
        try await self.clusters.value(Cluster(kind: kind, tls: tls)) {
            try await ClusterTopology.start(kind, tls: tls ? ServerTLS() : nil)
        }
    }

    /// HAProxy in front of Redis 8, with servers and Sentinels of its own.
    public func haproxy(_ checks: HAProxyTopology.Checks) async throws -> HAProxyTopology {
        try await self.fronts.value(checks) {
            try await HAProxyTopology.start(checks, downAfterMilliseconds: Self.downAfterMilliseconds)
        }
    }

    private struct Cluster: Hashable {
        let kind: ServerProcess.Kind
        let tls: Bool
    }
}

import Foundation
import TestServers
import Testing

/// The examples for several servers work as they are: addresses and passwords come from the environment.
///
/// `use(_:_:)` is in ExampleFilesTests.
@Suite(.serialized) struct ExampleTopologyTests {
    /// Addresses as `hosts` wants them.
    private func hosts(_ servers: [ServerProcess]) -> String {
        servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ", ")
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `sentinel works as it is`(_ kind: ServerProcess.Kind) async throws {
        let topology = try await SharedTopologies.shared.sentinel(kind)
        try await topology.restore()
        let first = try #require(topology.sentinels.first)
        let secrets = [
            "REDIS_SENTINEL_PASSWORD": topology.sentinelPassword, "REDIS_PASSWORD": topology.password,
        ]
        // As a ConfigMap gives them.
        let variables = [
            "REDIS_SENTINEL_HOST": "127.0.0.1", "REDIS_SENTINEL_PORT": "\(first.port)",
            "REDIS_CLUSTER_NAME": topology.masterName,
        ]
        try await use("sentinel", secrets.merging(variables) { one, _ in one })
        // As variables named after the properties give them.
        let overrides = [
            "COM_OPENEXCHANGE_REDIS_HOSTS": self.hosts(topology.sentinels),
            "COM_OPENEXCHANGE_REDIS_SENTINEL_MASTERID": topology.masterName,
            "COM_OPENEXCHANGE_REDIS_SENTINEL_PASSWORD": topology.sentinelPassword,
            "COM_OPENEXCHANGE_REDIS_PASSWORD": topology.password,
        ]
        try await use("sentinel", overrides)
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `cluster works as it is: a main instance, and caches in a cluster`(_ kind: ServerProcess.Kind) async throws {
        let topology = try await SharedTopologies.shared.cluster(kind)
        try await topology.restore()
        let main = try await SharedServers.shared.server(kind == .redis ? .redis : .valkey)
        let environment = [
            "COM_OPENEXCHANGE_REDIS_HOSTS": "127.0.0.1:\(main.port)",
            "COM_OPENEXCHANGE_REDIS_CACHE_HOSTS": self.hosts(topology.nodes),
            "COM_OPENEXCHANGE_REDIS_CACHE_PASSWORD": topology.password,
        ]
        try await use("cluster", environment)
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `ors works as it is`(_ kind: ServerProcess.Kind) async throws {
        let topology = try await SharedTopologies.shared.cluster(kind)
        try await topology.restore()
        let environment = [
            "REDIS_HOSTS": self.hosts(topology.nodes), "REDIS_PASSWORD": topology.password, "ORS_CLUSTER_NAME": "west",
        ]
        try await use("ors", environment)
    }

    @Test(arguments: HAProxyTopology.Checks.allCases)
    func `haproxy works as it is`(_ checks: HAProxyTopology.Checks) async throws {
        let topology = try await SharedTopologies.shared.haproxy(checks)
        try await topology.restore()
        let environment = [
            "COM_OPENEXCHANGE_REDIS_HOSTS": "127.0.0.1:\(topology.port)",
            "COM_OPENEXCHANGE_REDIS_PASSWORD": topology.sentinel.password,
        ]
        try await use("haproxy", environment)
    }
}

import ArgumentParser
import OxbowTesting
import TestServers

/// How the servers are arranged.
enum ConsistencyTopology: String, CaseIterable, Sendable, ExpressibleByArgument {
    case standalone, sentinel, cluster
}

/// The private servers of a run, which end with this value, and the ways to them that can be broken.
enum ConsistencySetting: Sendable {
    /// One server, and for each worker a network of its own.
    case standalone(ServerProcess, [FaultProxy])
    case sentinel(SentinelTopology)
    case cluster(ClusterTopology)

    static func start(
        _ topology: ConsistencyTopology,
        _ kind: ServerProcess.Kind,
        workers: Int
    ) async throws -> ConsistencySetting {
        switch topology {
        case .standalone:
            let server = try await ServerProcess.start(kind)
            var proxies: [FaultProxy] = []
            while proxies.count < workers {
                proxies.append(try await FaultProxy.start(to: .host("127.0.0.1", port: server.port)))
            }
            return .standalone(server, proxies)
        case .sentinel:
            // With their usual timers an old master stays one for 10 seconds, and failovers would be few.
            return .sentinel(try await SentinelTopology.start(kind, fastTimers: true, downAfterMilliseconds: 1000))
        case .cluster: return .cluster(try await ClusterTopology.start(kind))
        }
    }

    /// Where a worker finds the servers.
    func servers(forWorker worker: Int) -> WorkerServers {
        switch self {
        case .standalone(_, let proxies): .standalone(port: proxies[worker].port)
        case .sentinel(let topology):
            .sentinel(
                ports: topology.sentinels.map(\.port),
                masterName: topology.masterName,
                password: topology.password,
                sentinelPassword: topology.sentinelPassword
            )
        case .cluster(let topology): .cluster(ports: topology.nodes.map(\.port), password: topology.password)
        }
    }

    /// All servers that hold data.
    var dataServers: [ServerProcess] {
        switch self {
        case .standalone(let server, _): [server]
        case .sentinel(let topology): topology.servers
        case .cluster(let topology): topology.nodes
        }
    }

    /// How often a master has been replaced so far, whoever wanted it, as the servers' logs say.
    var failovers: Int {
        func count(_ text: String, _ server: ServerProcess) -> Int { server.log.split(separator: text).count - 1 }
        return switch self {
        case .standalone: 0
        // Each of them says so.
        case .sentinel(let topology): topology.sentinels.map { count("+switch-master", $0) }.max() ?? 0
        // The new master does.
        case .cluster(let topology): topology.nodes.map { count("Failover election won", $0) }.reduce(0, +)
        }
    }

    /// Mends all that is broken, so that workers can finish.
    func restore() async throws {
        switch self {
        case .standalone(let server, let proxies):
            server.resume()
            for proxy in proxies {
                proxy.set(.pass)
                try await proxy.listen()
            }
        case .sentinel(let topology): try await topology.restore()
        case .cluster(let topology): try await topology.restore()
        }
    }

    /// The network's end.
    func stop() {
        if case .standalone(_, let proxies) = self { for proxy in proxies { proxy.stop() } }
    }
}

import Synchronization

/// A cluster's masters and replicas, and which of them serves which slot.
final class ClusterTopology: Topology {
    private let configuration: ClusterConfiguration
    private let context: RedisNode.Context
    private let runner = NodeRunner()
    private let placeholder: RedisNode

    init(_ configuration: ClusterConfiguration, _ context: RedisNode.Context) {
        self.configuration = configuration
        self.context = context
        self.placeholder = .placeholder(context)
    }

    func node(for request: RedisRequest) -> RedisNode { self.placeholder }

    func start() -> Bool { self.placeholder.start() }

    func run() async throws {}

    func drain() { self.runner.drain() }

    var nodes: [RedisNode] { self.runner.nodes }
}

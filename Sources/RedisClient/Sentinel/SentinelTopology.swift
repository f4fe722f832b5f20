import Synchronization

/// A master that sentinels name, and its replicas.
final class SentinelTopology: Topology {
    private let configuration: SentinelConfiguration
    private let context: RedisNode.Context
    private let runner = NodeRunner()
    private let master: Mutex<RedisNode>

    init(_ configuration: SentinelConfiguration, _ context: RedisNode.Context) {
        self.configuration = configuration
        self.context = context
        self.master = Mutex(.placeholder(context))
    }

    func node(for request: RedisRequest) -> RedisNode { self.master.withLock { $0 } }

    func start() -> Bool { self.master.withLock { $0 }.start() }

    func run() async throws {}

    func drain() { self.runner.drain() }

    var nodes: [RedisNode] { self.runner.nodes }
}

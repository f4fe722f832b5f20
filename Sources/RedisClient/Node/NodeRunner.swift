import ServiceLifecycle
import Synchronization

/// Runs any number of nodes, which come and go, until shut down.
final class NodeRunner: Sendable {
    private struct State {
        var nodes: [ObjectIdentifier: RedisNode] = [:]
        var isDraining = false
        var isOver = false
    }

    private let state = Mutex(State())
    private let stream: AsyncStream<RedisNode>
    private let continuation: AsyncStream<RedisNode>.Continuation

    init() { (self.stream, self.continuation) = AsyncStream.makeStream() }

    /// All that run or are about to.
    var nodes: [RedisNode] { self.state.withLock { Array($0.nodes.values) } }

    /// Begins to run a node; the node is retired at once when there is no more running.
    func add(_ node: RedisNode) {
        _ = node.start()
        let isOver = self.state.withLock { state in
            if !state.isOver, !state.isDraining { state.nodes[ObjectIdentifier(node)] = node }
            return state.isOver || state.isDraining
        }
        if isOver {
            node.drain()
        } else {
            self.continuation.yield(node)
        }
    }

    /// Ends all nodes, each by its own drain.
    func drain() {
        let nodes = self.state.withLock { state in
            state.isDraining = true
            return Array(state.nodes.values)
        }
        for node in nodes { node.drain() }
        self.continuation.finish()
    }

    private var isDraining: Bool { self.state.withLock { $0.isDraining } }

    /// Runs what was and will be added until ``drain()`` or cancellation.
    ///
    /// Can be called once.
    ///
    /// - Throws: what a node throws; the others are cancelled then.
    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for await node in self.stream {
                group.addTask {
                    defer { self.state.withLock { _ = $0.nodes.removeValue(forKey: ObjectIdentifier(node)) } }
                    do {
                        try await node.run()
                    } catch {
                        // The loop waits for nodes, not for errors.
                        self.continuation.finish()
                        throw error
                    }
                }
            }
            // What comes from here on, or has not been begun, is not run any more.
            let rest = self.state.withLock { state in
                state.isOver = true
                return Array(state.nodes.values)
            }
            if Task.isCancelled || !self.isDraining { for node in rest { node.drain() } }
            if Task.isCancelled { group.cancelAll() }
        }
    }
}

/// Which node a request goes to, and what keeps that knowledge right.
protocol Topology: Sendable {
    /// The node to send to; where none is known yet, one at which callers wait until it is retired.
    func node(for request: RedisRequest) -> RedisNode
    /// Declares the client running: callers wait for connections from here on.
    ///
    /// - Returns: `false` if it was running before.
    func start() -> Bool
    /// Keeps the connections until drained or cancelled.
    func run() async throws
    /// Takes nothing new, lets what is outstanding end, and ends ``run()``.
    func drain()
    /// What a reply asks for besides being handed to its caller; `nil`: nothing.
    ///
    /// Called for replies that begin with an error, and for those to transactions.
    func redirection(of replies: RedisReplies, to request: RedisRequest, from node: RedisNode) -> Redirection?
    /// Asks, now and then, whether the nodes are still what they are known as, for those who only listen: a node that
    /// has been cut off from the others answers as ever, and has nothing to tell.
    func confirm()
    /// In a cluster: the masters.
    var masters: [RedisAddress] { get }
    /// In a cluster: the masters, and the slots that each of them serves.
    var shards: [(master: RedisAddress, slots: Set<Int>)] { get }
    /// All nodes with connections.
    var nodes: [RedisNode] { get }
}

/// Where a request that was not carried out goes next.
struct Redirection {
    /// The node; `nil`: whichever the topology names by then.
    var node: RedisNode?
    /// Whether ASKING goes before it.
    var isAsking = false
    /// Whether a pause comes first.
    var pauses = false
}

extension Topology {
    var masters: [RedisAddress] { [] }

    var shards: [(master: RedisAddress, slots: Set<Int>)] { [] }

    func confirm() {}

    func redirection(of replies: RedisReplies, to request: RedisRequest, from node: RedisNode) -> Redirection? { nil }
}

/// One server.
final class StandaloneTopology: Topology {
    let node: RedisNode
    init(_ node: RedisNode) { self.node = node }

    func node(for request: RedisRequest) -> RedisNode { self.node }
    func start() -> Bool { self.node.start() }
    func run() async throws { try await self.node.run() }
    func drain() { self.node.drain() }
    var nodes: [RedisNode] { [self.node] }
}

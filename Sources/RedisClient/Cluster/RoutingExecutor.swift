/// An executor with several nodes, which says which commands may travel together.
package protocol RoutingExecutor: RedisExecutor {
    /// What identifies the node that a request goes to; `nil` where that is not known yet.
    func node(of request: RedisRequest) -> ObjectIdentifier?
}

extension RedisClient: RoutingExecutor {
    package func node(of request: RedisRequest) -> ObjectIdentifier? {
        let node = self.topology.node(for: request)
        return node.isPlaceholder ? nil : ObjectIdentifier(node)
    }
}

import NIOCore

/// Which node serves which slot, and the nodes that are kept for it.
///
/// Decides which nodes to make and which to retire; ``ClusterTopology`` acts. The time is passed in.
struct SlotTable {
    /// A master and its replicas; a slot is in one shard at most.
    struct Shard {
        let master: RedisNode
        var replicas: [RedisNode]
    }

    /// What changes make necessary.
    struct Changes {
        var added: [RedisNode] = []
        /// Nodes that callers shall leave, and whether they still answer.
        var retired: [(node: RedisNode, answers: Bool)] = []
    }

    private(set) var shards: [Shard] = []
    /// The index of each slot's shard; -1 for none.
    private var owners = [Int16](repeating: -1, count: HashSlot.count)
    /// Nodes that a redirection has named and no view has: when they were last needed.
    private var visitors: [RedisAddress: (node: RedisNode, lastUse: UInt64)] = [:]
    /// When something was last wrong with a node.
    private var troubles: [RedisAddress: UInt64] = [:]
    /// The most replicas that a view has named.
    private var mostReplicas = 0
    private let usesReplicas: Bool
    private let make: @Sendable (RedisAddress, ServerInfo.Role) -> RedisNode

    /// A node in trouble is not asked, and nothing is redirected to it, for so long.
    static let troubled: UInt64 = 300_000_000
    /// A node that no view names is kept for so long.
    private static let visit: UInt64 = 60_000_000_000

    init(usesReplicas: Bool, make: @escaping @Sendable (RedisAddress, ServerInfo.Role) -> RedisNode) {
        self.usesReplicas = usesReplicas
        self.make = make
    }

    // MARK: Choosing

    func shard(of slot: HashSlot) -> Shard? {
        let index = Int(self.owners[slot.number])
        return self.shards.indices.contains(index) ? self.shards[index] : nil
    }

    /// Whether a shard has no replica, or there have been more of them.
    var lacksReplicas: Bool {
        self.shards.contains { $0.replicas.isEmpty }
            || self.shards.reduce(0) { $0 + $1.replicas.count } < self.mostReplicas
    }

    var nodes: [RedisNode] { self.shards.flatMap { [$0.master] + $0.replicas } + self.visitors.values.map(\.node) }

    func node(at address: RedisAddress) -> RedisNode? {
        for shard in self.shards {
            if shard.master.address == address { return shard.master }
            if let replica = shard.replicas.first(where: { $0.address == address }) { return replica }
        }
        return self.visitors[address]?.node
    }

    // MARK: Trouble

    mutating func note(troubleAt address: RedisAddress, at now: UInt64) { self.troubles[address] = now }

    func isTroubled(_ address: RedisAddress, at now: UInt64) -> Bool {
        self.troubles[address].map { now < $0.addingClamped(Self.troubled) } ?? false
    }

    // MARK: Changes

    /// Takes a node's view over, keeping the nodes that stay what they are.
    mutating func apply(_ view: ClusterView, at now: UInt64) -> Changes {
        var changes = Changes()
        var known: [RedisAddress: RedisNode] = [:]
        for node in self.nodes where node.role != nil { known[node.address] = node }
        func node(_ address: RedisAddress, _ role: ServerInfo.Role) -> RedisNode {
            if let node = known[address], node.role == role { return node }
            let node = self.make(address, role)
            changes.added.append(node)
            return node
        }
        let before = self.nodes
        var shards: [Shard] = []
        var indices: [RedisAddress: Int] = [:]
        var owners = [Int16](repeating: -1, count: HashSlot.count)
        for range in view.ranges {
            let index: Int
            if let existing = indices[range.master] {
                index = existing
            } else {
                index = shards.count
                let master = node(range.master, .master)
                let replicas = self.usesReplicas ? range.replicas.map { node($0, .replica) } : []
                shards.append(Shard(master: master, replicas: replicas))
                indices[range.master] = index
            }
            for slot in range.slots { owners[slot] = Int16(clamping: index) }
        }
        self.shards = shards
        self.owners = owners
        self.mostReplicas = max(self.mostReplicas, shards.reduce(0) { $0 + $1.replicas.count })
        let listed = Set(shards.flatMap { [$0.master] + $0.replicas }.map { ObjectIdentifier($0) })
        self.visitors = self.visitors.filter { entry in
            !listed.contains(ObjectIdentifier(entry.value.node)) && indices[entry.key] == nil
                && now < entry.value.lastUse.addingClamped(Self.visit)
        }
        let kept = listed.union(self.visitors.values.map { ObjectIdentifier($0.node) })
        for node in before where !kept.contains(ObjectIdentifier(node)) {
            changes.retired.append((node, !self.isTroubled(node.address, at: now)))
        }
        self.troubles = self.troubles.filter { now < $0.value.addingClamped(10_000_000_000) }
        return changes
    }

    /// The node that a redirection names; a slot that has moved is its from here on.
    ///
    /// - Returns: `nil` when there are too many nodes to believe in one more.
    mutating func follow(_ redirect: ClusterRedirect, at now: UInt64) -> (
        node: RedisNode, changes: Changes, isNew: Bool
    )? {
        if let index = self.shards.firstIndex(where: { $0.master.address == redirect.address }) {
            if !redirect.isAsk { self.owners[redirect.slot.number] = Int16(clamping: index) }
            return (self.shards[index].master, Changes(), false)
        }
        var changes = Changes()
        let node: RedisNode
        if let visitor = self.visitors[redirect.address]?.node {
            node = visitor
        } else {
            guard self.shards.count + self.visitors.count < ClusterView.maximumNodes else { return nil }
            node = self.make(redirect.address, .master)
            changes.added.append(node)
        }
        if redirect.isAsk {
            self.visitors[redirect.address] = (node, now)
        } else {
            // A node that takes slots over, or a replica that has been promoted.
            self.visitors[redirect.address] = nil
            self.shards.append(Shard(master: node, replicas: []))
            self.owners[redirect.slot.number] = Int16(clamping: self.shards.count - 1)
        }
        return (node, changes, true)
    }
}

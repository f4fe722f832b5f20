import Logging
import NIOCore
import RESP
import Synchronization

/// A cluster's masters and replicas, and which of them serves which slot.
///
/// The table is learned from CLUSTER SLOTS, corrected slot by slot by MOVED, and learned anew by ``ClusterRefresh``.
final class ClusterTopology: Topology {
    private struct State {
        var table: SlotTable
        /// Where callers wait while no node is known.
        var placeholder: RedisNode
        /// Counts choices among equals.
        var turn = 0
        var isOver = false
    }

    private let configuration: ClusterConfiguration
    private let context: RedisNode.Context
    private let readFrom: ReadPreference
    private let runner = NodeRunner()
    private let refresh: ClusterRefresh
    private let state: Mutex<State>

    init(_ configuration: ClusterConfiguration, _ context: RedisNode.Context) {
        var context = context
        let refresh = ClusterRefresh(configuration, context)
        context.onTrouble = { refresh.note(troubleAt: $0) }
        self.configuration = configuration
        self.context = context
        self.readFrom = context.configuration.readFrom
        self.refresh = refresh
        let nodes = context
        let table = SlotTable(usesReplicas: self.readFrom != .master) { address, role in
            let node = RedisNode(address, role: role, nodes)
            // Before anybody can be sent there.
            _ = node.start()
            return node
        }
        self.state = Mutex(State(table: table, placeholder: .placeholder(context)))
    }

    // MARK: Life

    func start() -> Bool { self.state.withLock { $0.placeholder }.start() }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.refresh.run(self) }
            defer {
                self.end()
                group.cancelAll()
            }
            try await self.runner.run()
        }
        try Task.checkCancellation()
    }

    func drain() {
        self.end()
        self.runner.drain()
    }

    private func end() {
        let placeholder = self.state.withLock { state in
            state.isOver = true
            return state.placeholder
        }
        placeholder.drain()
        self.refresh.end()
    }

    var nodes: [RedisNode] { self.runner.nodes }

    // MARK: Choosing

    func node(for request: RedisRequest) -> RedisNode {
        self.state.withLock { state in
            switch request.route {
            case .slot(let slot):
                guard let shard = state.table.shard(of: slot) else { return self.anyMaster(&state) }
                guard request.isReadOnly, self.readFrom != .master else { return shard.master }
                return self.reader(of: shard, &state)
            case .node(let address): return state.table.node(at: address) ?? state.placeholder
            case .anywhere, .severalSlots: return self.anyMaster(&state)
            }
        }
    }

    private func anyMaster(_ state: inout State) -> RedisNode {
        Self.turn(state.table.shards.map(\.master), &state) ?? state.placeholder
    }

    private func reader(of shard: SlotTable.Shard, _ state: inout State) -> RedisNode {
        let connected = shard.replicas.filter { $0.multiplexer.server != nil }
        // One that hangs is still connected.
        let now = NIODeadline.now().uptimeNanoseconds
        let healthy = connected.filter { !state.table.isTroubled($0.address, at: now) }
        if let replica = Self.turn(healthy, &state) { return replica }
        guard self.readFrom == .replica else { return shard.master }
        return Self.turn(connected, &state) ?? shard.replicas.first ?? state.placeholder
    }

    /// One after the other, those that are connected first.
    private static func turn(_ nodes: [RedisNode], _ state: inout State) -> RedisNode? {
        guard !nodes.isEmpty else { return nil }
        state.turn = (state.turn + 1) & 0xFFFF
        let now = NIODeadline.now().uptimeNanoseconds
        for step in nodes.indices {
            let node = nodes[(state.turn + step) % nodes.count]
            if node.multiplexer.server != nil, !state.table.isTroubled(node.address, at: now) { return node }
        }
        return nodes[state.turn % nodes.count]
    }

    var masters: [RedisAddress] { self.state.withLock { $0.table.shards.map(\.master.address) } }

    /// The masters of all slots that have one, with what of the slots is theirs.
    var shards: [(master: RedisAddress, slots: Set<Int>)] {
        self.state.withLock { state in
            var slots: [RedisAddress: Set<Int>] = [:]
            for number in 0..<HashSlot.count {
                guard let slot = HashSlot(number), let shard = state.table.shard(of: slot) else { continue }
                slots[shard.master.address, default: []].insert(number)
            }
            return slots.map { ($0.key, $0.value) }
        }
    }

    // MARK: Changes

    /// Takes over what a node has said of the cluster.
    func apply(_ view: ClusterView) {
        let now = NIODeadline.now().uptimeNanoseconds
        let (changes, waiting) = self.state.withLock { state -> (SlotTable.Changes, RedisNode?) in
            let changes = state.table.apply(view, at: now)
            guard !state.table.shards.isEmpty, !state.isOver else { return (changes, nil) }
            let waiting = state.placeholder
            state.placeholder = .placeholder(self.context)
            _ = state.placeholder.start()
            return (changes, waiting)
        }
        self.act(on: changes)
        waiting?.retire("the cluster's nodes are known now")
    }

    private func act(on changes: SlotTable.Changes) {
        for node in changes.added {
            self.context.logger.info("cluster node", metadata: ["address": "\(node.address)"])
            self.runner.add(node)
        }
        for (node, answers) in changes.retired {
            self.context.logger.info("cluster node gone or of another role", metadata: ["address": "\(node.address)"])
            node.retire("\(node.address) does not serve these keys any more", lettingRepliesCome: answers)
        }
    }

    func confirm() { self.refresh.ask(.soon) }

    /// Why nobody can be served yet, for those who wait.
    func failed(_ error: RedisError) {
        self.state.withLock { $0.placeholder }.multiplexer.connectFailed(error)
    }

    func note(troubleAt address: RedisAddress) {
        let now = NIODeadline.now().uptimeNanoseconds
        self.state.withLock { $0.table.note(troubleAt: address, at: now) }
    }

    var usesReplicas: Bool { self.readFrom != .master }

    /// Whether nodes may have been left out of the last view: it names no replica that is down, or new.
    var lacksReplicas: Bool { self.usesReplicas && self.state.withLock { $0.table.lacksReplicas } }

    /// Nodes to ask for their view, likeliest first: connected ones that answer, in random order.
    var respondents: [RedisNode] {
        let now = NIODeadline.now().uptimeNanoseconds
        return self.state.withLock { state in
            state.table.nodes
                .filter { $0.multiplexer.server != nil && !state.table.isTroubled($0.address, at: now) }
                .shuffled()
        }
    }

    // MARK: Redirections

    func redirection(of replies: RedisReplies, to request: RedisRequest, from node: RedisNode) -> Redirection? {
        guard let message = replies.refusal(of: request) else { return nil }
        if node.role == .replica, message.hasPrefix("LOADING") || message.hasPrefix("MASTERDOWN") {
            // It will be fit in a while; others are now.
            self.note(troubleAt: node.address)
            return Redirection(pauses: true)
        }
        if message.hasPrefix("TRYAGAIN") { return Redirection(pauses: true) }
        if message.hasPrefix("CLUSTERDOWN") {
            self.refresh.ask(.urgently)
            return Redirection(pauses: true)
        }
        guard let redirect = ClusterRedirect(message, by: node.address) else { return nil }
        guard case .slot(let slot) = request.route, slot == redirect.slot else {
            // On somebody's own connection, or a script, which can say anything: nothing to go by.
            self.refresh.ask(.urgently)
            return nil
        }
        let now = NIODeadline.now().uptimeNanoseconds
        let target = self.state.withLock { state -> (node: RedisNode, changes: SlotTable.Changes, isNew: Bool)? in
            // Healthy nodes go on naming one that is gone until it is replaced: following would be hammering.
            if state.table.isTroubled(redirect.address, at: now) { return nil }
            return state.table.follow(redirect, at: now)
        }
        guard let target else {
            self.refresh.ask(.urgently)
            return Redirection(pauses: true)
        }
        self.act(on: target.changes)
        if !redirect.isAsk { self.refresh.ask(target.isNew ? .urgently : .soon) }
        return Redirection(node: target.node, isAsking: redirect.isAsk)
    }
}

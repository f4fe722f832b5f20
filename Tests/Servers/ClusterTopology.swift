/// Three masters with a replica each.
///
/// A topology serves many tests: ``restore()`` between them.
public final class ClusterTopology: Sendable {
    /// The password of all nodes.
    public let password = "cluster-secret"
    /// The nodes, whoever is what; the first three were masters at first.
    public let nodes: [ServerProcess]
    let usesTLS: Bool

    /// Starts all six and waits until they know each other.
    ///
    /// - Parameters:
    ///   - kind: the program; Redis by default.
    ///   - tls: what to speak TLS with, among the nodes too; no TLS by default. Clients that come by the port with TLS
    ///     are told of ports with TLS, those that come in clear of ports in clear.
    ///   - nodeTimeout: after how many milliseconds without an answer a node is held for dead; 1000 by default.
    /// - Returns: the topology, in order.
    /// - Throws: ``ServerProcessError`` with what was awaited and what was seen last when it does not happen in time.
    public static func start(
        _ kind: ServerProcess.Kind = .redis,
        tls: ServerTLS? = nil,
        nodeTimeout: Int = 1000
    ) async throws -> ClusterTopology {
        let topology = try await ClusterTopology(kind, tls: tls, nodeTimeout: nodeTimeout)
        try await topology.join()
        return topology
    }

    private init(_ kind: ServerProcess.Kind, tls: ServerTLS?, nodeTimeout: Int) async throws {
        let settings =
            ["masterauth \(self.password)", "repl-ping-replica-period 1", "cluster-node-timeout \(nodeTimeout)"]
            + (tls == nil ? [] : ["tls-cluster yes", "tls-replication yes"])
        var nodes: [ServerProcess] = []
        while nodes.count < 6 {
            nodes.append(
                try await ServerProcess.start(
                    kind,
                    mode: .clusterNode,
                    tls: tls,
                    password: self.password,
                    settings: settings
                )
            )
        }
        self.nodes = nodes
        self.usesTLS = tls != nil
    }

    private func join() async throws {
        let slots = ["0-5460", "5461-10922", "10923-16383"].map { $0.split(separator: "-").map(String.init) }
        for (index, slots) in slots.enumerated() {
            try self.nodes[index].order("cluster", "addslotsrange", slots[0], slots[1])
            try self.nodes[index].order("cluster", "set-config-epoch", "\(index + 1)")
        }
        for node in self.nodes.dropFirst() {
            let ports = ["\(self.portForNodes(of: node))", "\(node.busPort ?? 0)"]
            try self.nodes[0].order("cluster", "meet", "127.0.0.1", ports[0], ports[1])
        }
        let masters = try self.nodes.prefix(3).map { try $0.clusterNode().id }
        for (replica, master) in zip(self.nodes.dropFirst(3), masters) {
            try await eventually("a replica that knows its master") {
                try replica.order("cluster", "replicate", master)
            }
        }
        try await self.awaitSettled()
    }

    /// The port that nodes use among themselves for all but the bus.
    func portForNodes(of node: ServerProcess) -> Int { self.usesTLS ? node.tlsPort ?? node.port : node.port }

    /// The slot of a key, as a node says.
    public func slot(of key: String) throws -> Int {
        let answer = try self.anyNode().cli("cluster", "keyslot", key)
        guard let slot = Int(answer) else { throw ServerProcessError("CLUSTER KEYSLOT: \(answer)") }
        return slot
    }

    /// The running node that says it serves a slot; of two that say so the one with the newer configuration.
    ///
    /// - Throws: ``ServerProcessError`` when there is none, as during a failover.
    public func master(ofSlot slot: Int) throws -> ServerProcess {
        let views = try self.runningViews()
        guard let master = views.filter({ $0.view.owns(slot) }).max(by: { $0.view.epoch < $1.view.epoch }) else {
            throw ServerProcessError("no running node serves slot \(slot)")
        }
        return master.node
    }

    /// The running node that says it serves the slot of a key.
    public func master(of key: String) throws -> ServerProcess { try self.master(ofSlot: self.slot(of: key)) }

    /// The running nodes that say they are masters of at least one slot.
    public func masters() throws -> [ServerProcess] {
        try self.runningViews().filter { $0.view.isMaster && !$0.view.slots.isEmpty }.map(\.node)
    }

    /// The running nodes that say they are replicas of the given one, which must run.
    public func replicas(of master: ServerProcess) throws -> [ServerProcess] {
        let id = try master.clusterNode().id
        return try self.runningViews().filter { $0.view.master == id }.map(\.node)
    }

    /// Waits until another node than the given one serves a slot.
    ///
    /// Other nodes may learn of it a moment later only.
    public func awaitMaster(ofSlot slot: Int, otherThan old: ServerProcess) async throws -> ServerProcess {
        try await eventually("another master of slot \(slot) than the node on port \(old.port)") {
            let master = try self.master(ofSlot: slot)
            if master === old { throw ServerProcessError("it still is the master") }
            return master
        }
    }

    /// Has a replica take over from its master, which is alive, and waits until all nodes agree about it.
    public func failover(_ replica: ServerProcess) async throws {
        try replica.order("cluster", "failover")
        try await eventually("the replica on port \(replica.port) as a master") {
            let role = try replica.cli("role")
            if !role.hasPrefix("master") { throw ServerProcessError(role) }
        }
        try await self.awaitSettled()
    }

    /// Resumes and restarts what is down, finishes what moves, and waits until all is well.
    ///
    /// All nodes agree then that all slots are served by three masters, each with a replica in sync, and that no slot
    /// moves. Which node serves what may have changed, and what they store is as it is.
    public func restore() async throws {
        for node in self.nodes { try await node.revive() }
        if try self.runningViews().contains(where: { !$0.view.openSlots.isEmpty }) { try await self.fix() }
        try await self.awaitSettled()
    }

    func anyNode() throws -> ServerProcess {
        guard let node = self.nodes.first(where: \.isRunning) else { throw ServerProcessError("no node runs") }
        return node
    }

    private func runningViews() throws -> [(node: ServerProcess, view: ClusterNodeView)] {
        try self.nodes.filter(\.isRunning).map { ($0, try $0.clusterNode()) }
    }

    func awaitSettled() async throws {
        try await eventually("a cluster of three masters and three replicas that agree") { try self.checkSettled() }
    }

    private func checkSettled() throws {
        for node in self.nodes { try node.checkRunning() }
        var views: [String: [ClusterNodeView]] = [:]
        for node in self.nodes {
            try node.checkInfo(text: node.cli("cluster", "info"), ["cluster_state:ok", "cluster_slots_ok:16384"])
            let seen = try node.clusterNodes()
            func fail(_ what: String) throws -> Never {
                throw ServerProcessError("the node on port \(node.port): \(what): \(seen)")
            }
            if seen.count != self.nodes.count { try fail("does not know all") }
            for other in seen {
                if !other.flags.subtracting(["myself", "master", "slave"]).isEmpty { try fail("holds one for down") }
                if !other.isConnected { try fail("is not connected to one") }
                if !other.openSlots.isEmpty { try fail("a slot moves") }
            }
            let masters = seen.filter { $0.isMaster && !$0.slots.isEmpty }
            let followed = Set(seen.filter { !$0.isMaster }.map(\.master))
            if masters.count != 3 || followed != Set(masters.map(\.id)) { try fail("not three masters and replicas") }
            for other in seen { views["\(other.id) \(other.master) \(other.slots)", default: []].append(other) }
        }
        if let odd = views.first(where: { $0.value.count != self.nodes.count }) {
            throw ServerProcessError("not all nodes agree that: \(odd.key)")
        }
        for node in self.nodes {
            let isReplica = try node.cli("role").hasPrefix("slave")
            try node.checkInfo("replication", [isReplica ? "master_link_status:up" : "connected_slaves:1"])
        }
    }
}

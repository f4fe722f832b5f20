import Dispatch

/// Slots that move from node to node.
extension ClusterTopology {
    /// Moves slots with all their keys from one master to another while clients go on, by `redis-cli --cluster reshard`.
    ///
    /// Takes some milliseconds a slot. Leave each master some slots, or it becomes a replica.
    ///
    /// - Parameters:
    ///   - count: how many slots; `redis-cli` chooses which.
    ///   - source: the master that has them.
    ///   - target: the master that gets them.
    /// - Throws: ``ServerProcessError`` with what `redis-cli` said when not all have moved.
    public func moveSlots(_ count: Int, from source: ServerProcess, to target: ServerProcess) async throws {
        let (sourceID, targetID) = (try source.clusterNode(), try target.clusterNode())
        let said = try await self.manage([
            "reshard", self.address(of: source), "--cluster-from", sourceID.id, "--cluster-to", targetID.id,
            "--cluster-slots", "\(count)", "--cluster-yes",
        ])
        let moved = try target.clusterNode().slotCount - targetID.slotCount
        guard moved == count else {
            throw ServerProcessError("\(moved) slots moved, not \(count): \(said.suffix(500))")
        }
        try await self.awaitSettled()
    }

    /// Begins to move a slot by hand; it stays so until ``finishMigration(_:to:)``.
    ///
    /// From now on the source answers for keys that it does not have with ASK, and for several keys of which it has
    /// some with TRYAGAIN.
    public func setMigrating(_ slot: Int, from source: ServerProcess, to target: ServerProcess) throws {
        try target.order("cluster", "setslot", "\(slot)", "importing", source.clusterNode().id)
        try source.order("cluster", "setslot", "\(slot)", "migrating", target.clusterNode().id)
    }

    /// Moves one key of a slot that moves.
    public func migrateKey(_ key: String, from source: ServerProcess, to target: ServerProcess) throws {
        let port = "\(self.portForNodes(of: target))"
        try source.order("migrate", "127.0.0.1", port, key, "0", "5000", "auth", self.password)
    }

    /// Moves the keys that are left in a slot that moves, and waits until all nodes know the slot's new master.
    public func finishMigration(_ slot: Int, to target: ServerProcess) async throws {
        let source = try self.master(ofSlot: slot)
        let keys = try source.cli("cluster", "getkeysinslot", "\(slot)", "1000000").split(separator: "\n")
        for key in keys { try self.migrateKey(String(key), from: source, to: target) }
        let id = try target.clusterNode().id
        for node in [target, source] { try node.order("cluster", "setslot", "\(slot)", "node", id) }
        try await self.awaitSettled()
    }

    /// Brings slots in order that a test has left moving.
    func fix() async throws { _ = try await self.manage(["fix", self.address(of: self.anyNode()), "--cluster-yes"]) }

    private func address(of node: ServerProcess) -> String { "127.0.0.1:\(self.portForNodes(of: node))" }

    // Away from the threads that tasks share: it takes seconds.
    private func manage(_ arguments: [String]) async throws -> String {
        let program = "\(self.nodes[0].kind.rawValue)-cli"
        let tls = self.usesTLS ? ["--tls", "--cacert", try TestCertificates.shared.certificate(.authority)] : []
        let environment = ["REDISCLI_AUTH": self.password]
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global()
                .async {
                    continuation.resume(
                        with: Result {
                            try Installation.run(program, tls + ["--cluster"] + arguments, environment: environment)
                        }
                    )
                }
        }
    }
}

extension ClusterNodeView {
    fileprivate var slotCount: Int { self.slots.reduce(0) { $0 + $1.count } }
}

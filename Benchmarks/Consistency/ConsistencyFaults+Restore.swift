import ConsistencyHistory
import Seeded
import TestServers

/// Masters that restart from an old snapshot, and bring back what was invalidated since.
extension ConsistencyFaults {
    /// Restarts a master from a snapshot; at times a worker dies shortly before.
    ///
    /// Nothing excuses stale reads after it: with replicas, it keeps its distance from failovers on both sides.
    ///
    /// - Returns: `false` if it was not done.
    func restore(_ worker: Int, _ random: inout SeededGenerator) async throws -> Bool {
        if self.topology != .standalone { try await Task.sleep(for: Self.timeUntilReplayed) }
        guard SharedClock.time(Self.failoverTime, after: SharedClock.now) < self.ends else { return false }
        let key = "{restore-\(Int.random(in: 0..<1000, using: &random))}:mark"
        let (shard, master, replicas) = try await Self.insistently { try self.setting.shard(of: key) }
        guard let snapshot = self.snapshots?.any(ofShard: shard, &random) else { return false }
        // A sign that must be gone afterwards.
        guard (try? master.cli("set", key, "1")) == "OK" else { return false }
        let dies = random.oneIn(3) ? self.workers : nil
        let (began, age) = (SharedClock.now, snapshot.age)
        try dies?.kill(worker)
        try await master.restart(from: snapshot.file, with: replicas, after: random.duration(0...300))
        try dies?.start(worker)
        if dies != nil {
            try self.record(
                .fault,
                ConsistencyFault.killWorker.rawValue,
                worker: worker,
                began: began,
                ended: SharedClock.now
            )
        }
        if self.topology != .standalone { try await Self.insistently { try await self.setting.restore() } }
        let mark = try await Self.insistently { try self.setting.shard(of: key).master.cli("get", key) }
        // Another server may have been promoted meanwhile, with its newer data, when the machine is very busy.
        let wentBack = mark.isEmpty
        try self.record(
            wentBack ? .fault : .failover,
            ConsistencyFault.restore.rawValue,
            began: began,
            ended: SharedClock.time(wentBack ? .zero : Self.timeUntilReplayed, after: SharedClock.now),
            version: Int(age / .seconds(1))
        )
        if self.topology != .standalone { try await Task.sleep(for: Self.timeUntilReplayed) }
        return true
    }
}

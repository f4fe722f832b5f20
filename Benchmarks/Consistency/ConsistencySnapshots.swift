import Foundation
import Seeded
import Synchronization
import TestServers

/// Snapshots of a run's masters, taken during the run, for restores of any age.
final class ConsistencySnapshots: Sendable {
    /// What one master stored at one moment.
    struct Snapshot: Sendable {
        /// The number of the master's shard.
        var shard: Int
        /// When it was taken, by the shared clock.
        var saved: UInt64
        var file: URL
    }

    /// The ages of the snapshots that masters are restored from.
    static let ages = Duration.seconds(1)...Duration.seconds(120)

    private let folder: URL
    private let kept = Mutex<[Snapshot]>([])

    /// - Parameter folder: where the files go.
    init(in folder: URL) { self.folder = folder }

    /// Takes one of each master that can be asked now, and removes those that are too old.
    func take(of setting: ConsistencySetting) {
        for (shard, master) in setting.masters {
            let snapshot = Snapshot(
                shard: shard,
                saved: SharedClock.now,
                file: self.folder.appending(path: "snapshot-\(UUID().uuidString).rdb")
            )
            // A master that has just broken, or copies its data to a replica, saves nothing.
            guard (try? master.saveSnapshot(to: snapshot.file)) != nil else { continue }
            self.kept.withLock { $0.append(snapshot) }
        }
        let old = self.kept.withLock { kept in
            let old = kept.filter { $0.age > Self.ages.upperBound }
            kept.removeAll { $0.age > Self.ages.upperBound }
            return old
        }
        for snapshot in old { try? FileManager.default.removeItem(at: snapshot.file) }
    }

    /// Returns any snapshot of a shard; `nil` if there is none that is old enough.
    func any(ofShard shard: Int, _ random: inout SeededGenerator) -> Snapshot? {
        let kept = self.kept.withLock { $0 }
        return kept.filter { $0.shard == shard && Self.ages.contains($0.age) }.randomElement(using: &random)
    }
}

extension ConsistencySnapshots.Snapshot {
    var age: Duration { .nanoseconds(Int64(clamping: SharedClock.now - self.saved)) }
}

extension ConsistencySetting {
    private static let shardSlots = [0, 5461, 10_923]

    /// The masters that can be asked now, by their shards.
    var masters: [(shard: Int, server: ServerProcess)] {
        switch self {
        case .standalone(let server, _): server.isRunning ? [(0, server)] : []
        case .sentinel(let topology): (try? topology.master()).map { [(0, $0)] } ?? []
        case .cluster(let topology):
            Self.shardSlots.enumerated()
                .compactMap { shard, slot in (try? topology.master(ofSlot: slot)).map { (shard, $0) } }
        }
    }

    /// The master that stores a key, the number of its shard, and its replicas.
    func shard(of key: String) throws -> (shard: Int, master: ServerProcess, replicas: [ServerProcess]) {
        switch self {
        case .standalone(let server, _): return (0, server, [])
        case .sentinel(let topology):
            let master = try topology.master()
            return (0, master, topology.servers.filter { $0 !== master })
        case .cluster(let topology):
            let slot = try topology.slot(of: key)
            let master = try topology.master(ofSlot: slot)
            let shard = Self.shardSlots.lastIndex { $0 <= slot } ?? 0
            return (shard, master, try topology.replicas(of: master))
        }
    }
}

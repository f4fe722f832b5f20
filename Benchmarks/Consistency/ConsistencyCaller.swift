import ConsistencyHistory
import Oxbow
import Seeded
import Synchronization

/// The caches under test, and the control.
struct ConsistencyCaches: Sendable {
    let singles: (short: Cache<ConsistencyRow>, long: Cache<ConsistencyRow>)
    let groups: (short: GroupedCache<ConsistencyRow>, long: GroupedCache<ConsistencyRow>)
    let control: ControlCache

    func single(_ entry: ConsistencyEntry) -> Cache<ConsistencyRow> {
        entry.isLasting ? self.singles.long : self.singles.short
    }

    func grouped(_ entry: ConsistencyEntry) -> GroupedCache<ConsistencyRow> {
        entry.isLasting ? self.groups.long : self.groups.short
    }
}

/// One task of a worker: one operation after the other on some entries.
struct ConsistencyCaller: Sendable {
    private let worker: ConsistencyWorker
    private let caches: ConsistencyCaches
    private let task: Int
    private let entries: [ConsistencyEntry]

    init(_ worker: ConsistencyWorker, _ caches: ConsistencyCaches, task: Int, entries: [ConsistencyEntry]) {
        self.worker = worker
        self.caches = caches
        self.task = task
        self.entries = entries
    }

    func run() async throws {
        var random = self.worker.random(task: self.task)
        while !self.worker.isOver {
            guard let entry = self.entries.randomElement(using: &random) else { return }
            let choice = Int.random(in: 0..<100, using: &random)
            switch entry.isLasting && !random.oneIn(50) ? 0 : choice {
            case ..<68: try await self.read(entry, &random)
            case ..<70: try await self.readAndCancel(entry, &random)
            case ..<88: try await self.writeAndInvalidate(entry, &random)
            case ..<90: try await self.writeAndInvalidateGroup(of: entry, &random)
            case ..<94: try await self.update(entry, &random)
            case ..<95: try await self.updateAll(entry, &random)
            default: try await self.writeThrough(entry, &random)
            }
            try await Task.sleep(for: random.duration(0...4))
        }
    }

    // MARK: Reads

    private func read(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        try await self.read(entry, DatabaseDelays.read(&random))
    }

    private func read(_ entry: ConsistencyEntry, _ delays: DatabaseDelays) async throws {
        let (worker, task) = (self.worker, self.task)
        let hasLoaded = Flag()
        let load = { @Sendable () async throws -> ConsistencyRow in
            hasLoaded.raise()
            return try await worker.load(entry, task: task, delays)
        }
        let began = SharedClock.now
        var outcome = HistoryRecord.Outcome.failed
        var version = 0
        do {
            let row =
                switch entry {
                case .single(let key): try await self.caches.single(entry).value(for: key, orLoad: load)
                case .grouped(let key, let group):
                    try await self.caches.grouped(entry).value(for: key, in: group, orLoad: load)
                case .control(let key): try await self.caches.control.value(for: key, orLoad: load)
                }
            version = row.version
            outcome = hasLoaded.isRaised ? .loaded : .cached
        } catch {}
        try worker.record(.read, entry.name, task: task, began: began, version: version, outcome: outcome)
    }

    /// A read that is cancelled a moment later, as when a user has gone away: others may be waiting for its load.
    private func readAndCancel(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        let delays = DatabaseDelays.read(&random)
        let patience = random.duration(0...8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.read(entry, delays) }
            try await Task.sleep(for: patience)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    // MARK: Changes

    /// What is journaled is in force for this process only: readers of other processes are promised nothing yet.
    private static func outcome(of invalidation: InvalidationOutcome) -> HistoryRecord.Outcome {
        invalidation == .applied ? .applied : .journaled
    }

    private func writeAndInvalidate(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        _ = try await self.worker.write(entry, DatabaseDelays.write(&random))
        try await self.invalidate([entry]) {
            switch entry {
            case .single(let key): try await self.caches.single(entry).invalidate(key)
            case .grouped(let key, let group): try await self.caches.grouped(entry).invalidate(key, in: group)
            case .control(let key): try await self.caches.control.invalidate(key)
            }
        }
    }

    private func writeAndInvalidateGroup(of entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        guard case .grouped(_, let group) = entry else { return try await self.writeAndInvalidate(entry, &random) }
        _ = try await self.worker.write(entry, DatabaseDelays.write(&random))
        try await self.invalidate(ConsistencyEntry.groupKeys.map { .grouped($0, group: group) }) {
            try await self.caches.grouped(entry).invalidate(group: group)
        }
    }

    /// Invalidates, and records for each entry the version that the database had just before.
    ///
    /// An invalidation that throws has perhaps been carried out, and perhaps not: it promises nothing to anybody.
    private func invalidate(_ entries: [ConsistencyEntry], _ body: () async throws -> InvalidationOutcome) async throws
    {
        let versions = try entries.map { ($0.name, try self.worker.version(of: $0)) }
        let began = SharedClock.now
        var outcome = HistoryRecord.Outcome.failed
        do { outcome = Self.outcome(of: try await body()) } catch {}
        for (name, version) in versions {
            try self.worker.record(.invalidate, name, task: self.task, began: began, version: version, outcome: outcome)
        }
    }

    private func update(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        let delays = DatabaseDelays.write(&random)
        try await self.update(.update, [entry]) {
            let write = { [try await self.worker.write(entry, delays)] }
            return switch entry {
            case .single(let key): try await self.caches.single(entry).update(key, write)
            case .grouped(let key, let group): try await self.caches.grouped(entry).update(key, in: group, write)
            case .control: nil
            }
        }
    }

    /// Updates several entries at once: those of a group, or two single ones.
    private func updateAll(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        let delays = DatabaseDelays.write(&random)
        switch entry {
        case .single(let key):
            guard let number = Int(key) else { return }
            let keys = [key, "\(number ^ 1)"]
            let entries = keys.map { ConsistencyEntry.single($0) }
            try await self.update(.update, entries) {
                try await self.caches.single(entry).update(keys) { try await self.writeAll(entries, delays) }
            }
        case .grouped(_, let group):
            let entries = ConsistencyEntry.groupKeys.map { ConsistencyEntry.grouped($0, group: group) }
            try await self.update(.update, entries) {
                try await self.caches.grouped(entry)
                    .update(ConsistencyEntry.groupKeys, in: group) {
                        try await self.writeAll(entries, delays)
                    }
            }
        case .control: return
        }
    }

    private func writeAll(_ entries: [ConsistencyEntry], _ delays: DatabaseDelays) async throws -> [Int] {
        var versions: [Int] = []
        for entry in entries { versions.append(try await self.worker.write(entry, delays)) }
        return versions
    }

    private func writeThrough(_ entry: ConsistencyEntry, _ random: inout SeededGenerator) async throws {
        let delays = DatabaseDelays.write(&random)
        try await self.update(.writeThrough, [entry]) {
            let write = { ConsistencyRow(version: try await self.worker.write(entry, delays)) }
            let updated: Updated<ConsistencyRow>? =
                switch entry {
                case .single(let key): try await self.caches.single(entry).writeThrough(key, write)
                case .grouped(let key, let group):
                    try await self.caches.grouped(entry).writeThrough(key, in: group, write)
                case .control: nil
                }
            return updated.map { Updated(value: [$0.value.version], outcome: $0.outcome) }
        }
    }

    /// Runs an update, and records for each entry the version that it has written; nothing for `nil`.
    private func update(
        _ kind: HistoryRecord.Kind,
        _ entries: [ConsistencyEntry],
        _ body: () async throws -> Updated<[Int]>?
    ) async throws {
        let began = SharedClock.now
        var versions: [Int]?
        var outcome = HistoryRecord.Outcome.failed
        do {
            guard let updated = try await body() else { return }
            versions = updated.value
            outcome = Self.outcome(of: updated.outcome)
        } catch {}
        for (index, entry) in entries.enumerated() {
            let version = versions?[index] ?? 0
            try self.worker.record(kind, entry.name, task: self.task, began: began, version: version, outcome: outcome)
        }
    }
}

/// Whether something has happened.
private final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isRaised: Bool { self.state.load(ordering: .acquiring) }

    func raise() { self.state.store(true, ordering: .releasing) }
}

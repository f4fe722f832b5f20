/// The invalidations that were carried out, the newest of each target, as far as there is room: a failover, or a restart from
/// an old snapshot, may undo them.
struct RecentInvalidations {
    struct Entry {
        let cache: CellName
        /// When the store had acknowledged it.
        let time: ContinuousClock.Instant
        let slot: Int
    }

    private let maximumEntries: Int
    private let maximumBytes: Int
    private let window: Duration
    private var entries: [InvalidationJournal.Target: Entry] = [:]
    private var bytes = 0
    /// In the order of time, with some that have come again since.
    private var order: [(target: InvalidationJournal.Target, time: ContinuousClock.Instant)] = []
    private var oldest = 0
    /// In each slot, the time of the latest invalidation that is not remembered any more.
    private var forgotten: [Int: ContinuousClock.Instant] = [:]
    /// The same for all slots.
    private var forgottenAnywhere: ContinuousClock.Instant?

    init(maximumEntries: Int, maximumBytes: Int, window: Duration) {
        self.maximumEntries = maximumEntries
        self.maximumBytes = maximumBytes
        self.window = window
    }

    mutating func add(
        _ target: InvalidationJournal.Target,
        of cache: CellName,
        slot: Int,
        at now: ContinuousClock.Instant
    ) {
        guard self.window > .zero else { return }
        if self.entries.updateValue(Entry(cache: cache, time: now, slot: slot), forKey: target) == nil {
            self.bytes += target.size
        }
        self.order.append((target, now))
        while self.oldest < self.order.count, self.order[self.oldest].time + self.window < now || self.isFull {
            self.forgetOldest()
        }
        if self.order.count > 4 * (self.entries.count + 16) { self.compact() }
    }

    private var isFull: Bool { self.entries.count > self.maximumEntries || self.bytes > self.maximumBytes }

    /// What was invalidated since a moment, in some slots.
    ///
    /// - Parameters:
    ///   - moment: `nil` for the beginning.
    ///   - isIncluded: tells the slots.
    /// - Returns: the invalidations, and whether that is all of them.
    func all(
        since moment: ContinuousClock.Instant?,
        in isIncluded: (Int) -> Bool
    ) -> (targets: [(InvalidationJournal.Target, CellName)], isComplete: Bool) {
        let targets = self.entries
            .filter { entry in moment.map { entry.value.time >= $0 } ?? true && isIncluded(entry.value.slot) }
            .map { ($0.key, $0.value.cache) }
        let latest = self.forgotten.filter { isIncluded($0.key) }.values.max()
        let isComplete = [latest, self.forgottenAnywhere].compactMap { $0 }
            .allSatisfy { forgotten in moment.map { forgotten < $0 } ?? false }
        return (targets, isComplete)
    }

    /// More was invalidated than is remembered.
    mutating func noteForgotten(at now: ContinuousClock.Instant) { self.forgottenAnywhere = now }

    private mutating func forgetOldest() {
        let (target, time) = self.order[self.oldest]
        self.oldest += 1
        // It may have come again since.
        guard let entry = self.entries[target], entry.time == time else { return }
        self.entries[target] = nil
        self.bytes -= target.size
        self.forgotten[entry.slot] = time
    }

    private mutating func compact() {
        self.order = self.order[self.oldest...].filter { self.entries[$0.target]?.time == $0.time }
        self.oldest = 0
    }
}

extension InvalidationJournal.Target {
    /// About how many bytes of memory it takes.
    var size: Int {
        switch self {
        case .cell(let cell): 160 + cell.key.text.utf8.count + (cell.field?.text.utf8.count ?? 0)
        case .group(let key): 160 + key.text.utf8.count
        }
    }
}

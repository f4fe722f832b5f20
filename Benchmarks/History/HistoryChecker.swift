/// Judges a history: looks for reads that returned what an invalidation had put out of force before they began.
///
/// Takes records in any order, from any number of processes; knows nothing of how they came about.
package struct HistoryChecker: Sendable {
    private var keys: [String: KeyHistory] = [:]
    private var faults: [HistoryRecord] = []
    private var failovers: [HistoryRecord] = []
    private var tally = Tally()

    /// What is counted as records come.
    package struct Tally: Sendable, Hashable {
        /// Reads and changes of callers, those of the control included.
        package var operations = 0
        /// Those that ended with an error.
        package var failedOperations = 0
        /// Invalidations by the caches that are in force.
        package var invalidations = 0
        /// Those that are noted in their process only.
        package var journaledInvalidations = 0
        /// Updates and write-throughs by the caches that have returned.
        package var updates = 0
        /// Reads by the caches that the shared cache, or another caller's load, answered.
        package var cachedReads = 0
        /// Loads by the caches.
        package var loads = 0
    }

    /// A checker without any record.
    package init() {}

    /// Takes note of a record.
    package mutating func add(_ record: HistoryRecord) {
        switch record.kind {
        case .fault:
            self.faults.append(record)
            return
        case .failover:
            self.failovers.append(record)
            return
        case .load:
            if !record.isControl { self.tally.loads += 1 }
        case .read, .invalidate, .update, .writeThrough:
            self.tally.operations += 1
            if record.outcome == .failed { self.tally.failedOperations += 1 }
            if !record.isControl { self.count(record) }
        }
        self.keys[record.key, default: KeyHistory()].add(record)
    }

    private mutating func count(_ record: HistoryRecord) {
        switch (record.kind, record.outcome) {
        case (.read, .cached): self.tally.cachedReads += 1
        case (.invalidate, .applied): self.tally.invalidations += 1
        case (.invalidate, .journaled): self.tally.journaledInvalidations += 1
        case (.update, .applied), (.writeThrough, .applied): self.tally.updates += 1
        default: break
        }
    }

    /// What all records say together.
    package func verdict() -> HistoryVerdict {
        var verdict = HistoryVerdict(tally: self.tally, faults: self.faults, failovers: self.failovers)
        for (key, history) in self.keys.sorted(by: { $0.key < $1.key }) {
            let isControl = key.hasPrefix(HistoryRecord.controlPrefix)
            if !isControl { verdict.invalidationsDuringLoad += history.invalidationsDuringLoad() }
            for (read, change) in history.staleReads() {
                if isControl {
                    verdict.staleReadsPlain += 1
                } else {
                    let stale = StaleRead(read: read.record(of: key), change: change.record(of: key))
                    let isExcused = self.failovers.contains {
                        $0.began <= stale.read.ended && $0.ended >= stale.read.began
                    }
                    if isExcused { verdict.excused.append(stale) } else { verdict.stale.append(stale) }
                }
            }
        }
        verdict.stale.sort { $0.read.began < $1.read.began }
        verdict.excused.sort { $0.read.began < $1.read.began }
        return verdict
    }
}

/// A read that returned what was out of force, and the change that had put it so.
package struct StaleRead: Sendable, Hashable {
    /// The read.
    package var read: HistoryRecord
    /// A change that had returned before the read began, and began with a newer version in the database.
    package var change: HistoryRecord

    /// A pair of these.
    package init(read: HistoryRecord, change: HistoryRecord) {
        self.read = read
        self.change = change
    }
}

/// What a history says.
package struct HistoryVerdict: Sendable {
    /// Counts.
    package var tally: HistoryChecker.Tally
    /// What was broken.
    package var faults: [HistoryRecord]
    /// When masters were replaced.
    package var failovers: [HistoryRecord]
    /// Applied invalidations by the caches that overlapped a load of the same key.
    package var invalidationsDuringLoad = 0
    /// Stale reads of the caches that nothing excuses: there must be none.
    package var stale: [StaleRead] = []
    /// Stale reads of the caches that overlap a failover.
    package var excused: [StaleRead] = []
    /// Stale reads of the control.
    package var staleReadsPlain = 0

    init(tally: HistoryChecker.Tally, faults: [HistoryRecord], failovers: [HistoryRecord]) {
        self.tally = tally
        self.faults = faults
        self.failovers = failovers
    }

    /// With fewer invalidations during loads a run says nothing.
    package static let leastInvalidationsDuringLoad = 1000

    /// Why the run says nothing, in words; empty for a valid one.
    package var objections: [String] {
        var objections: [String] = []
        if self.invalidationsDuringLoad < Self.leastInvalidationsDuringLoad {
            objections.append(
                "only \(self.invalidationsDuringLoad) invalidations overlapped a load of the same key, not "
                    + "\(Self.leastInvalidationsDuringLoad)"
            )
        }
        if self.staleReadsPlain == 0 {
            objections.append("plain cache-aside showed no stale read: nothing would be seen")
        }
        return objections
    }

    /// How often a master went back to an old snapshot.
    package var restores: Int { self.faults.count(where: \.isRestore) }

    /// How much of the time was around a failover.
    package var secondsAroundFailovers: Double {
        var (nanoseconds, last) = (UInt64(0), UInt64(0))
        for failover in self.failovers.sorted(by: { $0.began < $1.began }) where failover.ended > last {
            nanoseconds += failover.ended - max(failover.began, last)
            last = failover.ended
        }
        return Double(nanoseconds) / 1_000_000_000
    }

    /// The figures by their names.
    package var figures: [String: Double] {
        let counts = [
            "operations": self.tally.operations,
            "failedOperations": self.tally.failedOperations,
            "invalidations": self.tally.invalidations,
            "journaledInvalidations": self.tally.journaledInvalidations,
            "updates": self.tally.updates,
            "cachedReads": self.tally.cachedReads,
            "loads": self.tally.loads,
            "invalidationsDuringLoad": self.invalidationsDuringLoad,
            "faults": self.faults.count,
            "failovers": self.failovers.count,
            "restores": self.restores,
            "staleReads": self.stale.count,
            "staleReadsReplicationLoss": self.excused.count,
            "staleReadsPlain": self.staleReadsPlain,
        ]
        var figures = counts.mapValues(Double.init)
        figures["secondsAroundFailovers"] = self.secondsAroundFailovers
        return figures
    }
}

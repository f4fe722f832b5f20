/// What happened to one key, in a form that takes little memory.
struct KeyHistory {
    /// A record without its key.
    struct Event {
        var began: UInt64
        var ended: UInt64
        var version: Int32
        var process: Int16
        var task: Int16
        var kind: HistoryRecord.Kind
        var outcome: HistoryRecord.Outcome

        init(_ record: HistoryRecord) {
            self.began = record.began
            self.ended = record.ended
            self.version = Int32(clamping: record.version)
            self.process = Int16(clamping: record.process)
            self.task = Int16(clamping: record.task)
            self.kind = record.kind
            self.outcome = record.outcome
        }

        func record(of key: String) -> HistoryRecord {
            HistoryRecord(
                self.kind,
                process: Int(self.process),
                task: Int(self.task),
                key: key,
                began: self.began,
                ended: self.ended,
                version: Int(self.version),
                outcome: self.outcome
            )
        }
    }

    /// Reads that gave a value.
    var reads: [Event] = []
    /// Loads of the database.
    var loads: [Event] = []
    /// Changes that are in force.
    var changes: [Event] = []

    mutating func add(_ record: HistoryRecord) {
        switch (record.kind, record.outcome) {
        case (.read, .cached), (.read, .loaded): self.reads.append(Event(record))
        case (.load, .loaded): self.loads.append(Event(record))
        // Not `.journaled`: that is in force for readers of its own process only, and for others when it is replayed.
        case (.invalidate, .applied), (.update, .applied), (.writeThrough, .applied):
            self.changes.append(Event(record))
        default: break
        }
    }

    /// Reads that began after a change had returned, and gave a version older than the database's when the change began.
    ///
    /// - Returns: each with such a change, the newest one that had returned by then.
    func staleReads() -> [(read: Event, change: Event)] {
        let changes = self.changes.sorted { $0.ended < $1.ended }
        // For each change the one with the newest version among those that had returned by its end.
        var newest: [Int] = []
        for (index, change) in changes.enumerated() {
            guard let last = newest.last, changes[last].version > change.version else {
                newest.append(index)
                continue
            }
            newest.append(last)
        }
        return self.reads.compactMap { read in
            let count = changes.partitioningIndex { $0.ended >= read.began }
            guard count > 0 else { return nil }
            let change = changes[newest[count - 1]]
            return read.version < change.version ? (read, change) : nil
        }
    }

    /// How many applied invalidations overlapped a load.
    func invalidationsDuringLoad() -> Int {
        let loads = self.loads.sorted { $0.began < $1.began }
        var latestEnds: [UInt64] = []
        for load in loads { latestEnds.append(max(latestEnds.last ?? 0, load.ended)) }
        return self.changes.count { change in
            guard change.kind == .invalidate else { return false }
            let count = loads.partitioningIndex { $0.began > change.ended }
            return count > 0 && latestEnds[count - 1] >= change.began
        }
    }
}

extension Array {
    /// The first index whose element belongs to the second part, in an array whose first part does not and whose second
    /// part does.
    func partitioningIndex(_ belongsToSecond: (Element) -> Bool) -> Int {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if belongsToSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

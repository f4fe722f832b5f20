import ConsistencyHistory

/// Operations over time, a row for each second or more, with the faults beside them.
struct ConsistencyPlot: Sendable {
    /// Operations that ended in each second of the clock.
    private var operations: [UInt64: Int] = [:]
    private var changes: [UInt64: Int] = [:]
    private var stale: [UInt64: Int] = [:]
    private var marks: [UInt64: [String]] = [:]

    private static let second: UInt64 = 1_000_000_000
    private static let mostRows: UInt64 = 60
    private static let barWidth = 30

    mutating func add(_ record: HistoryRecord) {
        switch record.kind {
        case .read: self.operations[record.ended / Self.second, default: 0] += 1
        case .invalidate, .update, .writeThrough:
            self.operations[record.ended / Self.second, default: 0] += 1
            if record.outcome == .applied { self.changes[record.ended / Self.second, default: 0] += 1 }
        case .fault:
            let seconds = Double(record.ended - record.began) / Double(Self.second)
            let ofWhom = record.process < 0 ? "" : " of \(record.process)"
            let age = record.isRestore ? " of \(record.version) s ago" : ""
            let text = "\(record.key)\(ofWhom)\(age) \((seconds * 10).rounded() / 10) s"
            self.marks[record.began / Self.second, default: []].append(text)
        case .load, .failover: break
        }
    }

    mutating func add(_ verdict: HistoryVerdict) {
        for read in verdict.stale { self.stale[read.read.ended / Self.second, default: 0] += 1 }
    }

    var text: String {
        guard let first = self.operations.keys.min(), let last = self.operations.keys.max() else { return "" }
        let step = (last - first) / Self.mostRows + 1
        let starts = Array(stride(from: first, through: last, by: Int(step)))
        func sum(_ counts: [UInt64: Int], _ start: UInt64) -> Int {
            (start..<start + step).reduce(0) { $0 + (counts[$1] ?? 0) } / Int(step)
        }
        let most = max(1, starts.map { sum(self.operations, $0) }.max() ?? 1)
        let rows = starts.map { start in
            let operations = sum(self.operations, start)
            let stale = (start..<start + step).reduce(0) { $0 + (self.stale[$1] ?? 0) }
            return [
                "\(start - first)", String(repeating: "█", count: (operations * Self.barWidth + most - 1) / most),
                "\(operations)", "\(sum(self.changes, start))", stale == 0 ? "" : "\(stale)",
                (start..<start + step).flatMap { self.marks[$0] ?? [] }.joined(separator: ", "),
            ]
        }
        return Columns(
            header: ["second", "operations/s", "", "changes/s", "stale", "faults"],
            rows: rows,
            left: [1, 5]
        )
        .text
    }
}

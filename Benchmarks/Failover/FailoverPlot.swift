import Foundation

/// Calls over time, a row for each 100 ms; rows that say the same are folded into one.
struct FailoverPlot {
    let records: [CallRecord]
    let moments: FailoverMoments
    /// What happened, in words.
    let marks: [(time: Duration, text: String)]

    private static let step = Duration.milliseconds(100)
    private static let barWidth = 30

    private struct Row {
        var writes = 0
        var others = 0
        var errors: [FailureKind: Int] = [:]
        var otherErrors: [FailureKind: Int] = [:]
        var marks: [String] = []
    }

    /// What makes rows alike.
    private enum Kind { case steady, silent, special }

    var text: String {
        let rows = self.rows
        // Before the signal all was well; the first second is a warm-up.
        let calm = rows.prefix { $0.marks.isEmpty }.map(\.writes).max() ?? 0
        let kinds = rows.map { row in
            if !row.marks.isEmpty || !row.errors.isEmpty || !row.otherErrors.isEmpty { return Kind.special }
            return row.writes == 0 ? .silent : row.writes * 3 >= calm * 2 ? .steady : .special
        }
        let most = rows.map(\.writes).max() ?? 1
        var lines = [["seconds", "writes per 100 ms", "", "others", "errors", ""]]
        var index = 0
        while index < rows.count {
            let end = kinds[index...].firstIndex { $0 != kinds[index] } ?? rows.count
            // Folding fewer than four rows saves nothing.
            if kinds[index] != .special, end - index >= 4 {
                lines.append(self.cells(rows[index], index, most))
                let rest = String(format: "%.1f s more", Double(end - index - 1) / 10)
                lines.append([
                    "⋮", kinds[index] == .steady ? "\(rest) like this" : "\(rest) without a write", "", "", "", "",
                ])
                index = end
            } else {
                lines.append(self.cells(rows[index], index, most))
                index += 1
            }
        }
        return Columns(header: lines[0], rows: Array(lines.dropFirst()), left: [1, 4, 5]).text
    }

    /// Names of the letters that occur.
    var legend: String {
        let kinds = Set(self.records.compactMap(\.failure)).sorted().map { "\($0.letter) \($0.name)" }
        let letters = kinds.isEmpty ? "No errors." : "Errors: \(kinds.joined(separator: ", "))."
        return letters + " Small letters and the column others: keys of other masters. Rows count calls by their ends."
    }

    private func index(of time: Duration) -> Int { max(0, Int((time - self.origin) / Self.step)) }

    /// The start of the first row: the signal is at the start of a row.
    private var origin: Duration {
        let whole = (self.moments.signaled / Self.step).rounded(.down)
        return self.moments.signaled - Self.step * Int(whole)
    }

    private var rows: [Row] {
        var rows = Array(repeating: Row(), count: self.index(of: self.moments.ended) + 1)
        for record in self.records where record.ended >= self.origin && record.ended <= self.moments.ended {
            let index = self.index(of: record.ended)
            if let failure = record.failure {
                if record.isOfBroken {
                    rows[index].errors[failure, default: 0] += 1
                } else {
                    rows[index].otherErrors[failure, default: 0] += 1
                }
            } else if record.isWrite {
                if record.isOfBroken { rows[index].writes += 1 } else { rows[index].others += 1 }
            }
        }
        for mark in self.marks.sorted(by: { $0.time < $1.time }) {
            rows[self.index(of: mark.time)].marks.append(mark.text)
        }
        return rows
    }

    private func cells(_ row: Row, _ index: Int, _ most: Int) -> [String] {
        let start = (self.origin + Self.step * index - self.moments.signaled) / .seconds(1)
        let bar = String(repeating: "█", count: (row.writes * Self.barWidth + most - 1) / max(1, most))
        let errors = [Self.letters(row.errors), Self.letters(row.otherErrors).lowercased()]
        return [
            String(format: "%.1f", start), bar, row.writes > 0 ? "\(row.writes)" : "",
            row.others > 0 ? "\(row.others)" : "",
            errors.filter { !$0.isEmpty }.joined(separator: " "),
            row.marks.isEmpty ? "" : "◀ " + row.marks.joined(separator: "; "),
        ]
    }

    private static func letters(_ errors: [FailureKind: Int]) -> String {
        errors.sorted { $0.key < $1.key }
            .map { kind, count in count <= 5 ? String(repeating: kind.letter, count: count) : "\(kind.letter)×\(count)"
            }
            .joined(separator: " ")
    }
}

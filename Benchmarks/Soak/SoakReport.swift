import ConsistencyHistory
import Foundation
import Oxbow
import TestServers

/// What a run found, and how it is shown.
struct SoakReport: Sendable {
    let run: SoakRun
    let machine: Machine
    let samples: [SoakSample]
    let load: SoakFigures
    let stale: [UInt64]
    let faults: [HistoryRecord]
    let journal: InvalidationJournalStatistics

    private static let second: UInt64 = 1_000_000_000
    private static let settling = 10

    var figures: [String: Double] {
        let failovers = self.faults.filter { $0.kind == .failover }
        let excused = self.stale.count { time in failovers.contains { $0.began <= time && time <= $0.ended } }
        let residents = self.samples.map(\.resident)
        let last = residents.suffix(Self.settling)
        var figures: [String: Double] = [:]
        figures["seconds"] = self.run.duration / .seconds(1)
        figures["requests"] = Double(self.load.requests)
        figures["onTheirWayAtEnd"] = Double(self.load.begun - self.load.requests)
        figures["loads"] = Double(self.load.loads)
        figures["failures"] = Double(self.load.failures.values.reduce(0, +))
        figures["staleReads"] = Double(self.stale.count - excused)
        figures["staleReadsReplicationLoss"] = Double(excused)
        figures["secondsExcused"] =
            Double(failovers.map { $0.ended - $0.began }.reduce(0, +)) / Double(Self.second)
        figures["faults"] = Double(self.faults.count)
        figures["failovers"] = Double(failovers.count)
        figures["journaled"] = Double(self.load.journaled)
        figures["journalPendingAtEnd"] = Double(self.journal.pending)
        figures["residentMegabytesAtStart"] = residents.dropFirst(Self.settling - 1).first ?? residents.last ?? 0
        figures["residentMegabytesAtEnd"] = last.reduce(0, +) / Double(max(1, last.count))
        figures["residentMegabytesMost"] = residents.max() ?? 0
        if let stall = self.run.stall {
            let first = Int((SoakRun.beforeStall + stall) / .seconds(1))
            let behind = self.samples.dropFirst(first).prefix { $0.hits == self.samples.dropFirst(first).first?.hits }
            figures["stallSeconds"] = stall / .seconds(1)
            figures["secondsToFirstHit"] = Double(behind.count)
        }
        return figures.mapValues { ($0 * 100).rounded() / 100 }
    }

    private var workload: String {
        [
            self.run.topology.rawValue, self.run.kind.rawValue, self.run.breaks ? "faults" : nil,
            self.run.stall == nil ? nil : "stall",
        ]
        .compactMap { $0 }.joined(separator: "-")
    }

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: [
                ResultFile.Entry(
                    family: "soak",
                    workload: self.workload,
                    figures: self.figures,
                    yardstick: "residentMegabytesAtStart, after \(Self.settling) s of the same run",
                    repeats: 1
                )
            ]
        )
    }

    var text: String {
        let rows = self.figures.sorted { $0.key < $1.key }
            .map { [$0.key, $0.value.formatted(.number.grouping(.never).precision(.fractionLength(0...2)))] }
        let failures = self.load.failures.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return [
            "soak \(self.workload): \(self.run.rate) calls/s, seed \(self.run.seed)\n\(self.machine.server) · "
                + "\(self.machine.cpu) · \(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            self.plot, Columns(header: ["figure", ""], rows: rows, left: [0]).text,
            failures.isEmpty ? "No call failed." : "Failures: \(failures.joined(separator: ", ")).",
        ]
        .joined(separator: "\n\n")
    }

    /// Calls and memory over time, at most sixty rows.
    private var plot: String {
        guard let first = self.samples.first else { return "" }
        let step = (self.samples.count + 59) / 60
        var rows: [[String]] = []
        var before = SoakSample(time: first.time - Self.second, figures: SoakFigures(), resident: 0, hits: 0)
        for index in stride(from: step - 1, to: self.samples.count, by: step) {
            let sample = self.samples[index]
            let seconds = Double(sample.time - before.time) / Double(Self.second)
            let failed = sample.figures.failures.values.reduce(0, +) - before.figures.failures.values.reduce(0, +)
            let broken = self.faults.filter { before.time < $0.began && $0.began <= sample.time }.map(\.key)
            rows.append([
                "\((sample.time - first.time) / Self.second)",
                "\(Int(Double(sample.figures.requests - before.figures.requests) / seconds))",
                "\(Int(Double(sample.figures.loads - before.figures.loads) / seconds))", "\(failed)",
                String(format: "%.1f", sample.resident),
                String(
                    repeating: "█",
                    count: Int(sample.resident * 30 / max(1, self.samples.map(\.resident).max() ?? 1))
                ),
                broken.joined(separator: ", "),
            ])
            before = sample
        }
        let header = ["second", "calls/s", "loads/s", "failed", "MB", "", "faults"]
        return Columns(header: header, rows: rows, left: [5, 6]).text
    }
}

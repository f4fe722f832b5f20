import Foundation
import TestServers

/// What a run found, and how it is shown.
struct OutageReport: Sendable {
    let run: OutageRun
    let machine: Machine
    let records: [OutageLoad.Record]
    let starts: [OutagePhase: Duration]
    let end: Duration

    /// By phase and name.
    var figures: [(phase: OutagePhase, values: [String: Double])] {
        let begun = OutagePhase.allCases.compactMap { phase in self.starts[phase].map { (phase, $0) } }
        let ends = begun.dropFirst().map(\.1) + [self.end]
        return zip(begun, ends).map { ($0.0, self.figures(of: $0.0, from: $0.1, to: $1)) }
    }

    private func figures(of phase: OutagePhase, from start: Duration, to end: Duration) -> [String: Double] {
        // A call belongs to the phase in which it began; the last ones have not come to an end.
        let calls = self.records.filter { $0.began >= start && $0.began < end }
        let (updates, records) = (calls.filter(\.isUpdate), calls.filter { !$0.isUpdate })
        let added = records.map { $0.added / .seconds(1) }
        func updateP99(_ isFirst: Bool) -> Double {
            updates.filter { ($0.began < start + Self.firstPart) == isFirst }.map { $0.added / .seconds(1) }
                .percentile(99)
        }
        let seconds = (end - start) / .seconds(1)
        var values = [
            "requests": Double(records.count),
            "successRate": Double(records.count { !$0.fails }) / Double(max(1, records.count)),
            "hitRate": Double(records.count(where: \.isHit)) / Double(max(1, records.count)),
            "p50AddedSeconds": added.percentile(50), "p99AddedSeconds": added.percentile(99),
            "maximumAddedSeconds": added.max() ?? 0,
            "loadsPerSecond": Double(records.count(where: \.loads)) / seconds,
            "updates": Double(updates.count),
            "updateSuccessRate": Double(updates.count { !$0.fails }) / Double(max(1, updates.count)),
            "firstSecondUpdateP99AddedSeconds": updateP99(true), "updateP99AddedSeconds": updateP99(false),
        ]
        if phase.isReturn {
            let hits = self.records.filter { $0.isHit && $0.began >= start }.map(\.ended)
            values["secondsToFirstHit"] = hits.min().map { ($0 - start) / .seconds(1) } ?? seconds
        }
        return values.mapValues { ($0 * 1_000_000).rounded() / 1_000_000 }
    }

    /// At the start of an outage updates still wait for the server; what comes later should know better.
    private static let firstPart = Duration.seconds(1)

    var resultFile: ResultFile<[String: Double]> {
        let rows = self.figures.map { phase, values in
            ResultFile<[String: Double]>
                .Entry(
                    family: "outage",
                    workload: phase.rawValue + (self.run.breaker == nil ? "" : "-breaker"),
                    figures: values,
                    yardstick: "the phase healthy of the same run",
                    repeats: 1
                )
        }
        return ResultFile(machine: self.machine, rows: rows)
    }

    var text: String {
        let header = [
            "phase", "requests", "success", "hits", "p50 added", "p99 added", "most", "loads/s", "first hit",
            "update p99, 1st s", "update p99",
        ]
        let rows = self.figures.map { phase, values in
            func text(_ name: String, _ format: String) -> String { String(format: format, values[name] ?? 0) }
            return [
                phase.rawValue, text("requests", "%.0f"), String(format: "%.2f %%", 100 * (values["successRate"] ?? 0)),
                String(format: "%.1f %%", 100 * (values["hitRate"] ?? 0)), text("p50AddedSeconds", "%.4f s"),
                text("p99AddedSeconds", "%.4f s"), text("maximumAddedSeconds", "%.3f s"),
                text("loadsPerSecond", "%.0f"), phase.isReturn ? text("secondsToFirstHit", "%.3f s") : "",
                text("firstSecondUpdateP99AddedSeconds", "%.4f s"), text("updateP99AddedSeconds", "%.4f s"),
            ]
        }
        let breaker =
            self.run.breaker.map { "a circuit breaker, open for \($0 / .seconds(1)) s" } ?? "no circuit breaker"
        return [
            "outage: \(self.run.rate) requests/s for \(self.run.keys) keys, a load takes \(self.run.load / .milliseconds(1)) "
                + "ms, \(breaker), all time-outs as by default\n\(self.machine.server) · \(self.machine.cpu) · \(self.machine.cores) cores · "
                + "Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            self.plot, Columns(header: header, rows: rows, left: [0]).text,
            """
            success: of the calls that began in the phase, those that have not ended counted as failures; to reach: 100 %. hits: \
            values that had been stored before the call. added: from the moment a call was due until its \
            value, less the load if there was one; to reach: at most softTimeout, 0.5 s (without a server: once for the \
            look). loads/s: on the database. first hit: from the moment that the server is back.
            update p99: what `update` adds to the write itself, a write that takes as long as a load, in 99 % of the \
            updates; \
            of those that began in the phase's first second, and of the later ones. One update for each \
            \(OutageLoad.readsPerUpdate) reads, of entries of their own. One that began just before an outage has \
            waited \
            in it.
            stopped: SIGSTOP; killed: SIGKILL, and started again without data; full: FLUSHALL and maxmemory 1, so that \
            nothing can be stored. A cache without its server runs 64 loads at once by default: with slower loads or more calls \
            than that bears, callers wait, and fail in the end.
            """,
        ]
        .joined(separator: "\n\n")
    }

    // MARK: Plot

    private static let step = Duration.milliseconds(500)
    private static let width = 40

    /// Calls by the time of their ends, a row for each half second.
    private var plot: String {
        let first = self.starts[.healthy] ?? .zero
        let rows = Int((self.end - first) / Self.step)
        var records = Array(repeating: [OutageLoad.Record](), count: max(0, rows))
        for record in self.records where record.ended >= first && !record.isUpdate {
            let index = Int((record.ended - first) / Self.step)
            if records.indices.contains(index) { records[index].append(record) }
        }
        let most = max(1, records.map(\.count).max() ?? 1)
        let lines = records.enumerated()
            .map { index, records in
                let bar = [
                    ("█", records.count(where: \.isHit)), ("░", records.count { !$0.isHit && !$0.fails }),
                ]
                .map { String(repeating: $0, count: ($1 * Self.width + most - 1) / most) }
                let added = records.map { $0.added / .milliseconds(1) }
                let begun = self.starts.filter { Int(($0.value - first) / Self.step) == index }.map(\.key.rawValue)
                return [
                    String(format: "%.1f", Double(index) * (Self.step / .seconds(1))), bar.joined(),
                    "\(records.count { $0.loads } * 2)", String(format: "%.1f", added.percentile(99)),
                    "\(records.count(where: \.fails))", begun.isEmpty ? "" : "◀ " + begun.joined(separator: ", "),
                ]
            }
        let header = ["seconds", "calls (█ hits, ░ others)", "loads/s", "p99 added, ms", "failed", ""]
        return Columns(header: header, rows: lines, left: [1, 5]).text
    }
}

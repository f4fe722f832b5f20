import ConsistencyHistory
import Foundation
import TestServers

/// What a run's history says, and how it is shown.
struct ConsistencyReport: Sendable {
    private let run: ConsistencyRun
    private let machine: Machine
    private let failovers: Int
    private let plot: ConsistencyPlot
    let verdict: HistoryVerdict

    /// - Parameters:
    ///   - run: what was run.
    ///   - machine: where.
    ///   - failovers: how often a master was replaced, whoever wanted it.
    ///   - files: the history.
    /// - Throws: when the history cannot be read.
    init(run: ConsistencyRun, machine: Machine, failovers: Int, _ files: [URL]) throws {
        self.run = run
        self.failovers = failovers
        self.machine = machine
        (self.verdict, self.plot) = try Self.judge(files)
    }

    /// Reads histories and judges them.
    static func judge(_ files: [URL]) throws -> (HistoryVerdict, ConsistencyPlot) {
        var checker = HistoryChecker()
        var plot = ConsistencyPlot()
        for file in files {
            try HistoryReader()
                .read(file) { record in
                    checker.add(record)
                    plot.add(record)
                }
        }
        let verdict = checker.verdict()
        plot.add(verdict)
        return (verdict, plot)
    }

    var resultFile: ResultFile<[String: Double]> {
        var figures = self.verdict.figures
        figures["seconds"] = self.run.duration / .seconds(1)
        figures["processes"] = Double(self.run.processes)
        return ResultFile(
            machine: self.machine,
            rows: [
                ResultFile.Entry(
                    family: "consistency",
                    workload: self.workload,
                    figures: figures,
                    yardstick: "plain cache-aside (GET, load, SET; DEL) on other keys of the same servers",
                    repeats: 1
                )
            ]
        )
    }

    private var workload: String {
        "\(self.run.topology.rawValue)-\(self.run.kind.rawValue)" + (self.run.recovers ? "" : "-without-beat")
    }

    var text: String {
        [
            "consistency \(self.workload): \(self.run.processes) processes, seed \(self.run.seed)\n"
                + "\(self.machine.server) · \(self.machine.cpu) · "
                + "\(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            self.plot.text, Self.text(of: self.verdict),
            (self.failovers > self.verdict.failovers.count
                ? "Masters were replaced \(self.failovers) times, of which the history knows \(self.verdict.failovers.count): the "
                    + "machine is too busy, and stale reads may be those failovers'.\n" : "")
                + "Again with the same choices: --seed \(self.run.seed). Figures: oxbow-bench consistency --help.",
        ]
        .joined(separator: "\n\n")
    }

    /// The figures, and the stale reads with the changes that they missed.
    static func text(of verdict: HistoryVerdict) -> String {
        let rows = verdict.figures.sorted { $0.key < $1.key }.map { [$0.key, String(Int($0.value))] }
        let table = Columns(header: ["figure", ""], rows: rows, left: [0]).text
        return
            ([table] + self.lines("Stale reads", verdict.stale)
            + self.lines("Stale reads around a failover", verdict.excused))
            .joined(separator: "\n\n")
    }

    private static let mostShown = 10

    private static func lines(_ title: String, _ reads: [StaleRead]) -> [String] {
        guard !reads.isEmpty else { return [] }
        let lines = reads.prefix(Self.mostShown).flatMap { ["  \($0.read.line)", "    after \($0.change.line)"] }
        return [(["\(title), \(min(reads.count, Self.mostShown)) of \(reads.count):"] + lines).joined(separator: "\n")]
    }
}

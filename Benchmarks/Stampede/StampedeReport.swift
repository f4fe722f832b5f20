import Foundation
import TestServers

/// The figures of a stampede, as rounds bring them.
struct StampedeFigures: Sendable {
    private var loads: [Int] = []
    /// Of the keys of which every command was answered in time.
    private var loadsIfAnswered: [Int] = []
    private var unanswered = 0
    private var waits: [Double] = []
    private var yardstick: [Double] = []
    private var loadsOfKilled: [Int] = []
    private var beyondClaim: [Double] = []
    private var beyondKill: [Double] = []
    private var killedLoadSeconds = 0.0
    private let settings: [String: Double]

    init(_ run: StampedeRun) {
        self.settings = [
            "processes": Double(run.processes), "callers": Double(run.callers), "rounds": Double(run.rounds),
            "loadSeconds": run.load / .seconds(1),
        ]
    }

    private static func seconds(_ from: UInt64, _ to: UInt64) -> Double {
        to > from ? Double(to - from) / 1_000_000_000 : 0
    }

    mutating func add(round: StampedeRound) {
        self.loads.append(round.loads)
        if round.unanswered == 0 { self.loadsIfAnswered.append(round.loads) }
        self.unanswered += round.unanswered
        self.waits += round.waits.map { Self.seconds($0.from, $0.to) }
    }

    mutating func add(yardstick round: StampedeRound) {
        self.yardstick += round.waits.map { Self.seconds($0.from, $0.to) }
    }

    mutating func add(killed: StampedeKill) {
        self.loadsOfKilled.append(killed.round.loads)
        self.beyondClaim += killed.round.waits.map { Self.seconds(killed.claimEnd, $0.to) }
        self.beyondKill += killed.round.waits.map { Self.seconds(killed.killed, $0.to) }
        self.killedLoadSeconds = killed.load / .seconds(1)
    }

    /// By their names.
    var values: [String: Double] {
        var values = self.settings
        values["loadsPerColdKey"] = Self.mean(self.loads)
        values["maximumLoadsPerColdKey"] = Double(self.loads.max() ?? 0)
        if !self.loadsIfAnswered.isEmpty {
            values["loadsPerColdKeyIfAnswered"] = Self.mean(self.loadsIfAnswered)
        }
        values["unansweredCommands"] = Double(self.unanswered)
        values["p50WaitSeconds"] = self.waits.percentile(50)
        values["p99WaitSeconds"] = self.waits.percentile(99)
        values["maximumWaitSeconds"] = self.waits.max() ?? 0
        values["yardstickP50Seconds"] = self.yardstick.percentile(50)
        values["yardstickP99Seconds"] = self.yardstick.percentile(99)
        values["ratio"] = self.waits.percentile(99) / max(1e-9, self.yardstick.percentile(99))
        if !self.loadsOfKilled.isEmpty {
            values["loadsPerKilledLoader"] = Self.mean(self.loadsOfKilled)
            values["maximumLoadsPerKilledLoader"] = Double(self.loadsOfKilled.max() ?? 0)
            values["secondsAfterLoaderKilled"] = self.beyondClaim.percentile(99)
            values["secondsFromKill"] = self.beyondKill.percentile(99)
            values["killedLoadSeconds"] = self.killedLoadSeconds
        }
        return values.mapValues { ($0 * 1_000_000).rounded() / 1_000_000 }
    }

    private static func mean(_ counts: [Int]) -> Double { Double(counts.reduce(0, +)) / Double(max(1, counts.count)) }
}

/// What a run found, and how it is shown.
struct StampedeReport: Sendable {
    let run: StampedeRun
    let machine: Machine
    let figures: StampedeFigures
    /// Of loads that fail; `nil` if they were not measured.
    let failing: StampedeFailing?

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: [
                ResultFile.Entry(
                    family: "stampede",
                    workload: "cold-key-\(self.run.kind.rawValue)",
                    figures: self.figures.values,
                    yardstick: "as many tasks in as many processes, woken by a line through a pipe, without any server",
                    repeats: self.run.rounds
                )
            ]
                + (self.failing.map { failing in
                    [
                        ResultFile.Entry(
                            family: "stampede",
                            workload: "failing-load-\(self.run.kind.rawValue)",
                            figures: failing.values,
                            yardstick: "the load's own time",
                            repeats: StampedeFailing.rounds
                        )
                    ]
                } ?? [])
        )
    }

    var text: String {
        ([
            "stampede: \(self.run.processes) processes with \(self.run.callers) callers each "
                + "ask for one cold key, \(self.run.rounds) times\n\(self.machine.server) · \(self.machine.cpu) · \(self.machine.cores) cores · "
                + "Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            Self.table("cold-key", self.figures.values),
            """
            loadsPerColdKey: over all processes; to reach: 1. unansweredCommands: looks and claims that took longer than \
            softTimeout, whose callers load by themselves; loadsPerColdKeyIfAnswered: of the keys without any. …WaitSeconds: from the end of the load, or from the call if \
            that came later, until a caller has its value.
            yardstick…: from a line through a pipe until as many waiting tasks in as many processes run. ratio: \
            p99WaitSeconds over yardstickP99Seconds.
            …KilledLoader: the loading process is killed in the middle of a load that takes killedLoadSeconds; loads: that \
            one included, to reach: 2. secondsAfterLoaderKilled: from the end of its claim until 99 % of the callers have \
            the value, the next load included; secondsFromKill: the same from the kill.
            """,
        ]
            + (self.failing.map { [Self.table("failing-load", $0.values), StampedeFailing.explanation] } ?? []))
            .joined(separator: "\n\n")
    }

    private static func table(_ name: String, _ values: [String: Double]) -> String {
        let isTime = { (name: String) in name.contains("econds") || name == "ratio" || name.contains("Per") }
        let rows = values.sorted { $0.key < $1.key }
            .map { [$0.key, isTime($0.key) ? String(format: "%.4f", $0.value) : String(Int($0.value))] }
        return Columns(header: [name, ""], rows: rows, left: [0]).text
    }
}

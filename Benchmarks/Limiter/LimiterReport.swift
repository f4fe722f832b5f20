import Foundation
import TestServers

/// The figures of one algorithm.
struct LimiterFigures: Sendable {
    struct Cost: Sendable {
        /// From the call to the decision.
        var micros: Double
        /// Of the server's CPU.
        var serverMicros: Double
    }

    let limiter: BenchLimiter
    private(set) var values: [String: Double]

    init(_ limiter: BenchLimiter, _ costs: [Cost]) {
        self.limiter = limiter
        self.values = [
            "decisionMicros": costs.map(\.micros).median, "serverCPUMicros": costs.map(\.serverMicros).median,
            "bound": Double(limiter.bound),
        ]
    }

    /// Of tasks that ask without a pause.
    mutating func add(steady outcome: (permits: [Permit], decisions: Int), over duration: Duration) {
        let windows = (duration / .milliseconds(1)) / Double(self.limiter.windowMillis)
        self.values["permitsPerWindow"] = Double(outcome.permits.count) / windows
        self.add(outcome)
    }

    /// Of tasks that ask when a counter would begin anew.
    mutating func add(bursts outcome: (permits: [Permit], decisions: Int)) { self.add(outcome) }

    private mutating func add(_ outcome: (permits: [Permit], decisions: Int)) {
        let windows = PermitWindows(outcome.permits, Double(self.limiter.windowMillis) * 1_000_000)
        self.values["decisions", default: 0] += Double(outcome.decisions)
        self.values["permits", default: 0] += Double(outcome.permits.count)
        self.values["windowOverruns", default: 0] += Double(windows.overruns(of: self.limiter.bound))
        self.values["mostInAWindow"] = max(self.values["mostInAWindow"] ?? 0, Double(windows.most))
    }
}

/// How many permits were given within one window, for certain: from before the first was asked for until the last one was had.
struct PermitWindows: Sendable {
    /// In the window that begins with each permit.
    private let counts: [Int]

    init(_ permits: [Permit], _ window: Double) {
        let (asked, given) = (permits.map(\.asked).sorted(), permits.map(\.given).sorted())
        var counts: [Int] = []
        var end = 0
        for (before, start) in asked.enumerated() {
            while end < given.count, Double(given[end]) < Double(start) + window { end += 1 }
            // All had by then, without all asked for before.
            counts.append(end - before)
        }
        self.counts = counts
    }

    var most: Int { self.counts.max() ?? 0 }

    func overruns(of limit: Int) -> Int { self.counts.count { $0 > limit } }
}

/// What a run found, and how it is shown.
struct LimiterReport: Sendable {
    let run: LimiterRun
    let machine: Machine
    let rows: [LimiterFigures]

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: self.rows.map { row in
                ResultFile.Entry(
                    family: "limiter",
                    workload: "\(row.limiter.algorithm.rawValue)-\(self.run.kind.rawValue)",
                    figures: row.values.mapValues { ($0 * 1000).rounded() / 1000 },
                    yardstick: "fixedWindow: INCR and PEXPIRE in a script, by the bare client",
                    repeats: 3
                )
            }
        )
    }

    /// Whether the control shows what it should.
    private var isFound: Bool {
        self.rows.contains { $0.limiter.algorithm == .fixedWindow && $0.values["windowOverruns", default: 0] > 0 }
    }

    var text: String {
        let names = [
            "decisionMicros", "serverCPUMicros", "decisions", "permits", "permitsPerWindow", "bound", "mostInAWindow",
            "windowOverruns",
        ]
        let rows = self.rows.map { row in
            [row.limiter.algorithm.rawValue]
                + names.map { name in
                    let value = row.values[name] ?? 0
                    return value == value.rounded() ? String(Int(value)) : String(format: "%.1f", value)
                }
        }
        return [
            "limiter: \(self.run.permits) permits in \(self.run.window), \(self.run.processes) processes with \(self.run.tasks) tasks "
                + "together\n\(self.machine.server) · \(self.machine.cpu) · "
                + "\(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            Columns(header: ["algorithm"] + names, rows: rows, left: [0]).text,
            """
            decisionMicros: one after another, nobody else asks; serverCPUMicros: of the server, for each. \
            permitsPerWindow: while all ask without a pause; the others also while they ask in bursts, around the moment at \
            which a counter would begin anew.
            mostInAWindow: the most permits that were given within one window for certain, from before the first was asked for \
            until the last was had; windowOverruns: in how many there were more than the bound. To reach: 0 for slidingLog and gcra, \
            which may give a burst of \(BenchLimiter.burst) on top. fixedWindow is the yardstick, a counter that begins anew with each \
            window: it may give twice as many.
            """,
            self.isFound
                ? "The yardstick's overruns were found, so others would have been."
                : "The yardstick had no overruns, so these figures do not show that any would have been found.",
        ]
        .joined(separator: "\n\n")
    }
}

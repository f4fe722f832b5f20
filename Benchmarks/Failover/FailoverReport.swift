import Foundation
import TestServers

/// What a run found, and how it is shown.
struct FailoverReport: Sendable {
    private let run: FailoverRun
    private let setting: FailoverSetting
    private let machine: Machine
    private let records: [CallRecord]
    private let moments: FailoverMoments
    private let figures: FailoverFigures
    private let isSteady: Bool

    init(
        run: FailoverRun,
        setting: FailoverSetting,
        machine: Machine,
        records: [CallRecord],
        moments: FailoverMoments,
        verification: FailoverVerification,
        isSteady: Bool
    ) {
        self.run = run
        self.setting = setting
        self.machine = machine
        self.records = records
        self.moments = moments
        self.figures = FailoverFigures(
            records,
            moments,
            verification,
            settings: [
                "commandTimeoutSeconds": run.commandTimeout / .seconds(1),
                "detectionSeconds": setting.detection / .seconds(1),
            ]
        )
        self.isSteady = isSteady
    }

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: [
                ResultFile.Entry(
                    family: "failover",
                    workload: self.workload,
                    figures: self.figures.values,
                    yardstick: self.setting.probe.summary,
                    repeats: 1
                )
            ]
        )
    }

    private var workload: String {
        let isFast =
            switch self.run.topology {
            case .sentinel: self.run.timers.fastTimers
            case .cluster: false
            case .haproxy: self.run.timers.checks == .fast
            }
        return "\(self.run.topology.rawValue)\(isFast ? "-fast" : "")-\(self.run.signal.rawValue)"
    }

    /// The plot, the figures and what they mean.
    var text: String {
        let names = self.figures.values.keys.sorted()
        let cells = names.map { name in
            let value = self.figures.values[name] ?? 0
            return [name, name.contains("econds") ? String(format: "%.3f", value) : String(Int(value))]
        }
        let plot = self.plot
        return [
            self.heading, plot.text, plot.legend, Columns(header: ["figure", ""], rows: cells, left: [0]).text,
            self.verdict, self.notes.joined(separator: "\n"),
        ]
        .joined(separator: "\n\n")
    }

    private var heading: String {
        "failover \(self.workload): \(self.setting.summary)\n\(self.machine.server) · \(self.machine.cpu) · "
            + "\(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)"
    }

    private var plot: FailoverPlot {
        var marks: [(time: Duration, text: String)] = [
            (self.moments.signaled, "SIG\(self.run.signal.rawValue) to the master"),
            (self.moments.yardstick, "yardstick: a server takes a write"),
            (self.moments.returned, "the old master is back"),
        ]
        if let first = self.figures.secondsToFirstWrite {
            marks.append((self.moments.signaled + .seconds(first), "RedisClient writes"))
        }
        return FailoverPlot(records: self.records, moments: self.moments, marks: marks)
    }

    private var verdict: String {
        guard let first = self.figures.secondsToFirstWrite else {
            return "RedisClient never wrote again while the load ran: missed."
        }
        let late = first - self.figures.yardstickSeconds
        let text = String(
            format: "RedisClient wrote %.3f s after the signal, %.3f s %@ the yardstick",
            first,
            abs(late),
            late < 0 ? "before" : "after"
        )
        guard let target = self.setting.target.map({ $0 / .seconds(1) }) else { return text + "." }
        let met = late <= target
        return text
            + String(
                format: "; to reach: at most %.1f s after: %@ by %.3f s.",
                target,
                met ? "met" : "missed",
                abs(target - late)
            )
    }

    private var notes: [String] {
        let timeout = (self.run.commandTimeout / .seconds(1)).formatted()
        return (self.isSteady ? [] : ["Writes were not steady again within 30 s."]) + [
            "Yardstick: \(self.setting.probe.summary).",
            "\(FailoverLoad.writers) tasks write and \(FailoverLoad.readers) read, 20 ms apart, command time-out "
                + "\(timeout) s; half of the writers SADD (idempotent), half RPUSH (sent at most once).",
            "secondsToFirstWrite: from the signal to the first acknowledgment of a write that began when the master was "
                + "gone or stood still. Figures are of keys of the broken master, others… of other masters' keys.",
            "acknowledgedLost: acknowledged, and not on the servers in the end, all of them being in order again; of all "
                + "writers, for each write leaves a trace of its own. carriedOutTwice (seen on the RPUSH writers only), "
                + "deniedButCarriedOut (told refused or not sent): must be 0.",
            "detectionSeconds: how long a server is silent before it is held for dead (sentinel: down-after; cluster: "
                + "node-timeout; haproxy: the pause between two checks), commandTimeoutSeconds: the client's. Compare "
                + "only runs that have the same.",
        ]
    }
}

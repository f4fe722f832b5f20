import Foundation
import TestServers

/// What a run found, and how it is shown.
struct LocksReport: Sendable {
    let run: LocksRun
    let machine: Machine
    let figures: LocksFigures

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: [
                ResultFile.Entry(
                    family: "locks",
                    workload: "locks-\(self.run.kind.rawValue)",
                    figures: self.figures.values.mapValues { ($0 * 1000).rounded() / 1000 },
                    yardstick: "SET NX PX and DEL, by the bare client",
                    repeats: 3
                )
            ]
        )
    }

    var text: String {
        let rows = self.figures.values.sorted { $0.key < $1.key }
            .map { name, value in
                [
                    name, Self.text(value),
                    Self.targets[name].map { $0.text + ($0.isMet(value) ? ": reached" : ": missed") } ?? "",
                ]
            }
        return [
            "locks: \(self.run.processes) processes with \(self.run.tasks) tasks together\n\(self.machine.server) · \(self.machine.cpu) · "
                + "\(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            Columns(header: ["figure", "", "to reach"], rows: rows, left: [0, 2]).text,
            """
            acquireReleaseMicros: one lock that nobody else wants; ratio: over plainLockMicros, SET NX PX and DEL by the bare \
            client, without owner, number and renewal. roundTripsPerAcquireRelease: requests that the server has read.
            contendedPerSecond: all tasks want one lock, and give it back at once; …WaitMillis: from the call until they have \
            it; fairness: Jain's index, 1 is even. overlappingHolders, fencesOutOfOrder: of any two turns.
            …WakeMicros: from the end of one process's turn until the one of another process that has waited runs: release, \
            message, and its own request. commandsPerSecondWhileWaiting: while all tasks wait for a lock that is held, \
            without the processes' beats.
            The rest: holders that stand still (SIGSTOP) past the end of their leases, while another one takes the lock, and that \
            write and unlock once more when they go on; pausesPastTheEnd: so many did not lose it before. \
            holdersRefused: writes that the database refused to the rightful holder; lateWritesTaken: that it took from the \
            old one; callsAcceptedAfterEnd: calls on the old lease that succeeded when the next one had the lock; \
            p99CancelMillis: from going on until the old holder's task sees that it is cancelled.
            """,
        ]
        .joined(separator: "\n\n")
    }

    private static func text(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(format: value < 10 ? "%.3f" : "%.1f", value)
    }

    private struct Bound {
        let text: String
        let isMet: @Sendable (Double) -> Bool
    }

    private static let none = Bound(text: "0") { $0 == 0 }
    private static let targets: [String: Bound] = [
        "roundTripsPerAcquireRelease": Bound(text: "1 + 1") { $0 < 2.05 },
        "p99WakeMicros": Bound(text: "< 5000") { $0 < 5000 },
        "commandsPerSecondWhileWaiting": Self.none, "overlappingHolders": Self.none, "fencesOutOfOrder": Self.none,
        "fencedWritesOutOfOrder": Self.none, "lateWritesTaken": Self.none, "holdersRefused": Self.none,
        "foreignUnlocks": Self.none, "longestWakeMicros": Bound(text: "< 1 s: none is lost") { $0 < 1_000_000 },
        "callsAcceptedAfterEnd": Self.none, "notCancelled": Self.none,
        "notTold": Self.none,
    ]
}

import Foundation

/// All that a run found, and how it is shown.
struct Report: Sendable {
    let machine: Machine
    let placement: Placement
    let rows: [Row]
    let remarks: [String]
    let harnessMicros: Double
    let effort: Effort

    /// The table with its notes.
    var table: String { "\(self.heading)\n\n\(self.columns.text)\n\n\(self.notes.joined(separator: "\n"))" }

    private var heading: String {
        let machine = self.machine
        return "\(machine.server) · \(machine.cpu) · \(machine.cores) cores · Linux \(machine.kernel) · Swift "
            + "\(machine.swift) · placement \(self.placement.rawValue)"
    }

    private var columns: Columns {
        let allocations = self.effort.countsAllocations ? ["allocations/op"] : []
        return Columns(
            header: [
                "workload", "ops/s", "client CPU µs/op", "server CPU µs/op", "p50 µs", "p99 µs", "yardstick CPU µs/op",
                "ratio", "to reach", "", "writes/command",
            ] + allocations + ["yardstick"],
            rows: self.rows.map(Self.cells),
            left: [0, 9, 11 + allocations.count]
        )
    }

    private static func cells(_ row: Row) -> [String] {
        let figures = row.figures
        return [
            row.workload, number(figures.opsPerSecond), number(figures.clientCPUMicros),
            number(figures.serverCPUMicros),
            number(figures.p50Micros), number(figures.p99Micros), number(figures.yardstickCPUMicros),
            number(figures.ratio), row.target?.description ?? "",
            row.target.flatMap { $0.isMet(by: figures) }.map { $0 ? "reached" : "missed" } ?? "",
            row.writesPerCommand.map(number) ?? "",
        ] + (figures.allocationsPerOperation.map { [String(format: "%.2f", $0)] } ?? []) + [row.yardstick]
    }

    private static let allocationsNote =
        "allocations/op: calls of malloc and its kin in the whole process, counted apart from the measurements; the "
        + "harness's own are taken off."

    private var notes: [String] {
        let seconds = (self.effort.duration / .seconds(1)).formatted(.number.precision(.fractionLength(0...2)))
        return [
            "Medians of \(self.effort.repeats) × \(seconds) s, workload and yardstick in turn on the same server. CPU is "
                + "user + system of the whole process.",
            "ratio: client CPU per operation over the yardstick's; p50 over the yardstick's elapsed time for "
                + "lrange-200k. To reach: with callers on the global pool, and on the event loop for -loop; writes/command at get-50: ≤ 0.05.",
            "harness: \(number(self.harnessMicros)) µs per call, included in the figures. Latencies: of every 16th call of a "
                + "task; of every call for lrange-200k, pipeline-100 (the whole pipeline's) and request-scope-hit (the "
                + "whole scope's, \(RequestScopeWorkload.reads) reads).",
            "redis-benchmark sends the same commands over the same data; its start-up cost is measured and subtracted. "
                + "MGET values, HGETALL values and list elements have 100 bytes.",
            "bare client: the RedisClient below the cache, in this process, by as many tasks, over the stored bytes.",
        ] + (self.effort.countsAllocations ? [Self.allocationsNote] : []) + self.remarks
    }
}

/// With about three digits, and `–` for nothing.
func number(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return "–" }
    let digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
    return String(format: "%.\(digits)f", value)
}

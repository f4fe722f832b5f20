import Foundation

/// The JSON form of a run's figures, the same for every family, so that a program can compare runs.
struct ResultFile<Figures: Encodable>: Encodable {
    let machine: Machine
    let rows: [Entry]

    struct Entry: Encodable {
        let family: String
        let workload: String
        let figures: Figures
        let yardstick: String
        let repeats: Int
    }

    func write(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: url, options: .atomic)
    }
}

extension ResultFile<Figures> {
    init(machine: Machine, rows: [Row]) {
        self.init(
            machine: machine,
            rows: rows.map { row in
                Entry(
                    family: row.family,
                    workload: row.workload,
                    figures: row.figures.rounded,
                    yardstick: row.yardstick,
                    repeats: row.repeats
                )
            }
        )
    }
}

extension Figures {
    /// With nanoseconds as the last digit.
    fileprivate var rounded: Figures {
        var figures = self
        for path in [
            \Figures.opsPerSecond, \.clientCPUMicros, \.serverCPUMicros, \.p50Micros, \.p99Micros,
            \.yardstickCPUMicros, \.ratio,
        ] { figures[keyPath: path] = (figures[keyPath: path] * 1000).rounded() / 1000 }
        figures.allocationsPerOperation = figures.allocationsPerOperation.map { ($0 * 1000).rounded() / 1000 }
        return figures
    }
}

/// The figures of a row, by the names that the result file has; 0 stands for "not measured".
struct Figures: Sendable, Codable {
    /// In all repeats together.
    var operations = 0
    var opsPerSecond = 0.0
    var clientCPUMicros = 0.0
    var serverCPUMicros = 0.0
    var p50Micros = 0.0
    var p99Micros = 0.0
    var yardstickCPUMicros = 0.0
    /// The workload over its yardstick, by client CPU or, where the workload says so, by elapsed time.
    var ratio = 0.0
    /// By count, not by time, and only where asked for.
    var allocationsPerOperation: Double?

    /// The medians of the repeats; the operations are added up.
    init(medianOf repeats: [Figures]) {
        self.operations = repeats.reduce(0) { $0 + $1.operations }
        self.opsPerSecond = repeats.map(\.opsPerSecond).median
        self.clientCPUMicros = repeats.map(\.clientCPUMicros).median
        self.serverCPUMicros = repeats.map(\.serverCPUMicros).median
        self.p50Micros = repeats.map(\.p50Micros).median
        self.p99Micros = repeats.map(\.p99Micros).median
        self.yardstickCPUMicros = repeats.map(\.yardstickCPUMicros).median
        self.ratio = repeats.map(\.ratio).median
    }

    init() {}
}

/// A finished workload.
struct Row: Sendable {
    var family: String
    var workload: String
    var figures: Figures
    /// The yardstick's name; empty when there is none.
    var yardstick: String
    var repeats: Int
    // Shown in the table only.
    var target: Target?
    var writesPerCommand: Double?
}

extension [Double] {
    /// The value in the middle, or the mean of the two there; 0 without values.
    var median: Double {
        guard !self.isEmpty else { return 0 }
        let sorted = self.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The largest over the smallest, less one.
    var spread: Double {
        guard let low = self.min(), let high = self.max(), low > 0 else { return 0 }
        return high / low - 1
    }
}

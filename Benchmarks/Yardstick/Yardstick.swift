import Histogram

/// What a workload is compared with, measured in the same run.
protocol Yardstick: Sendable {
    /// The name in the results, such as `redis-benchmark -c 1 -P 50`.
    var name: String { get }

    /// Finds out what is needed before measuring: the yardstick's own start-up cost, or how much fills `duration`.
    ///
    /// - Returns: the measurement, to be called once in each repeat.
    func calibrated(for duration: Duration) async throws -> @Sendable () async throws -> YardstickSample
}

/// One measurement of a yardstick, per operation.
struct YardstickSample: Sendable {
    var cpuMicros: Double
    var wallMicros: Double
}

/// A yardstick of our own: another load in this process, such as the bare client for a cache hit.
struct LoadYardstick: Yardstick {
    let name: String
    let load: Load

    func calibrated(for duration: Duration) async throws -> @Sendable () async throws -> YardstickSample {
        _ = try await self.load.run(for: duration / 10)
        try await self.load.afterwards()
        return {
            let before = ProcessorTime.ofThisProcess()
            let outcome = try await self.load.run(for: duration)
            let cpuMicros = ProcessorTime.ofThisProcess() - before
            try await self.load.afterwards()
            return YardstickSample(
                cpuMicros: cpuMicros / Double(outcome.operations),
                wallMicros: Double(outcome.latencies.valueAtPercentile(50)) / 1000
            )
        }
    }
}

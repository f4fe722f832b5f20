import Histogram
import RedisClient

/// How much is measured.
struct Effort: Sendable {
    /// Of workload and yardstick, in turn.
    var repeats: Int
    /// Of one measurement.
    var duration: Duration
    /// Before the first one.
    var warmUp: Duration
    /// Whether allocations are counted after the measurements.
    var countsAllocations = false
}

/// Measures one workload and its yardstick in turn.
struct Measurement: Sendable {
    let family: Family
    let workload: any Workload
    let bench: Bench
    let effort: Effort

    /// Prepares, measures and tidies up.
    ///
    /// - Parameter progress: called with what is done next.
    /// - Returns: the row, and what belongs below the table.
    /// - Throws: ``BenchmarkError`` with the workload's name.
    func run(_ progress: (String) -> Void) async throws -> (row: Row, remarks: [String]) {
        progress("preparing")
        return try await self.tidied { try await self.measure(progress) }
    }

    /// Prepares, calls `body` and tidies up.
    func tidied<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            try await self.workload.prepare(on: self.bench)
            let result = try await body()
            try await self.tidy()
            return result
        } catch {
            try? await self.tidy()
            throw BenchmarkError("\(self.workload.name): \(error)")
        }
    }

    private func tidy() async throws {
        for key in self.workload.keys(on: self.bench) {
            _ = try await self.bench.client.execute(RawCommand<Int>("UNLINK", key))
        }
    }

    private func measure(_ progress: (String) -> Void) async throws -> (row: Row, remarks: [String]) {
        let load = try self.workload.load(on: self.bench)
        _ = try await load.run(for: self.effort.warmUp)
        try await load.afterwards()
        let yardstick = try await self.workload.yardstick(on: self.bench)
        let measureYardstick = try await yardstick?.calibrated(for: self.effort.duration)
        let before = self.bench.client.statistics
        var batches = (commands: UInt64(0), flushes: UInt64(0))
        var repeats: [Figures] = []
        for number in 1...self.effort.repeats {
            progress("measurement \(number) of \(self.effort.repeats)")
            let statistics = self.bench.client.statistics
            var figures = try await self.figures(load)
            batches.commands += self.bench.client.statistics.commands - statistics.commands
            batches.flushes += self.bench.client.statistics.flushes - statistics.flushes
            try await load.afterwards()
            if let measureYardstick {
                progress("yardstick \(number) of \(self.effort.repeats)")
                let sample = try await measureYardstick()
                figures.yardstickCPUMicros = sample.cpuMicros
                let (ours, theirs) =
                    self.workload.comparesWallTime
                    ? (figures.p50Micros, sample.wallMicros) : (figures.clientCPUMicros, sample.cpuMicros)
                if theirs > 0 { figures.ratio = ours / theirs }
            }
            repeats.append(figures)
        }
        let after = self.bench.client.statistics
        guard after.connects == before.connects else { throw BenchmarkError("the connection was lost meanwhile") }
        var figures = Figures(medianOf: repeats)
        if self.effort.countsAllocations {
            progress("counting allocations")
            // As many as a fifth of a second's.
            let operations = Int(min(1e6, figures.opsPerSecond / 5))
            figures.allocationsPerOperation = try await Allocations.perOperation(load, operations: operations)
        }
        let row = Row(
            family: self.family.rawValue,
            workload: self.workload.name,
            figures: figures,
            yardstick: yardstick?.name ?? "",
            repeats: self.effort.repeats,
            target: self.workload.target,
            writesPerCommand: batches.commands > 0 ? Double(batches.flushes) / Double(batches.commands) : nil
        )
        var remarks = try await self.workload.remarks(on: self.bench)
        let spread = repeats.map(\.ratio).spread
        if spread > 0.2 { remarks.append("its ratio differed by \(Int(spread * 100)) % between the repeats") }
        return (row, remarks.map { "\(self.workload.name): \($0)" })
    }

    private func figures(_ load: Load) async throws -> Figures {
        let serverBefore = self.bench.server.processorTime()
        let clientBefore = ProcessorTime.ofThisProcess()
        let outcome = try await load.run(for: self.effort.duration)
        let client = ProcessorTime.ofThisProcess() - clientBefore
        let server = self.bench.server.processorTime() - serverBefore
        let operations = Double(outcome.operations)
        var figures = Figures()
        figures.operations = outcome.operations
        figures.opsPerSecond = operations / Double(outcome.elapsedNanoseconds) * 1e9
        figures.clientCPUMicros = client / operations
        figures.serverCPUMicros = server / operations
        figures.p50Micros = Double(outcome.latencies.valueAtPercentile(50)) / 1000
        figures.p99Micros = Double(outcome.latencies.valueAtPercentile(99)) / 1000
        return figures
    }
}

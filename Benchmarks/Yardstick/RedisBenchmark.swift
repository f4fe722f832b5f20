import RedisClient
import TestServers

/// The C client that comes with the server, over the same data.
///
/// Each measurement is a process of its own; what starting it costs is measured with a few requests and subtracted.
struct RedisBenchmark: Yardstick {
    let connections: Int
    let pipeline: Int
    /// A command in full, so that both sides send and receive the same bytes.
    let command: [String]
    /// How the tool reaches the server.
    let server: [String]

    /// - Returns: `nil` where the tool cannot be used, see ``BenchServer/toolArguments``.
    init?(_ server: BenchServer, connections: Int, pipeline: Int, command: [String]) {
        guard let arguments = server.toolArguments else { return nil }
        self.server = arguments + ["--dbnum", String(server.database)]
        self.connections = connections
        self.pipeline = pipeline
        self.command = command
    }

    var name: String { "redis-benchmark -c \(self.connections) -P \(self.pipeline)" }

    func calibrated(for duration: Duration) async throws -> @Sendable () async throws -> YardstickSample {
        let few = self.connections * self.pipeline
        let startUp = try (0..<3).map { _ in try self.process(requests: few).cpuMicros }.median
        let probe = try self.process(requests: max(few, few * 200))
        let requests = max(few, Int(probe.requestsPerSecond * (duration / .seconds(1))))
        return {
            let run = try self.process(requests: requests)
            return YardstickSample(
                cpuMicros: max(0, run.cpuMicros - startUp) / Double(requests),
                wallMicros: 1e6 / run.requestsPerSecond
            )
        }
    }

    private func process(requests: Int) throws -> (cpuMicros: Double, requestsPerSecond: Double) {
        let before = ProcessorTime.ofEndedChildren()
        let load = ["-c", String(self.connections), "-P", String(self.pipeline), "-n", String(requests), "--csv"]
        let output = try Installation.run("redis-benchmark", self.server + load + self.command)
        let cpuMicros = ProcessorTime.ofEndedChildren() - before
        // "command","requests per second" and six latencies; the command may hold anything.
        let cells = output.split(separator: "\n").last?.split(separator: "\",\"") ?? []
        guard cells.count >= 8, let rate = Double(cells[cells.count - 7]), rate > 0 else {
            throw BenchmarkError("redis-benchmark printed no figures: \(output.suffix(200))")
        }
        return (cpuMicros, rate)
    }
}

import NIOCore
import RedisClient

/// An explicit pipeline of small reads by one task; figures are per read, latencies per pipeline.
struct PipelineWorkload: Workload {
    let name = "pipeline-100"
    static let depth = 100

    var summary: String { "pipeline of \(Self.depth) GETs of \(GetWorkload.valueBytes) bytes, 1 task, per GET" }
    var target: Target? { .ratio(1.9) }
    func keys(on bench: Bench) -> [String] { [GetWorkload.key] }

    func prepare(on bench: Bench) async throws {
        _ = try await bench.client.execute(SET(GetWorkload.key, String(repeating: "x", count: GetWorkload.valueBytes)))
    }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        let commands = Array(repeating: GET(GetWorkload.key, as: ByteBuffer.self), count: Self.depth)
        return Load(operationsPerCall: Self.depth, sampling: 1) { _, _ in
            for result in try await client.execute(pipeline: commands) {
                guard try result.get()?.readableBytes == GetWorkload.valueBytes else {
                    throw BenchmarkError("GET returned something else")
                }
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        RedisBenchmark(bench.server, connections: 1, pipeline: Self.depth, command: ["GET", GetWorkload.key])
    }
}

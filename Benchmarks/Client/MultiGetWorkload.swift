import NIOCore
import RedisClient

/// `MGET` of many keys by ten tasks at once.
struct MultiGetWorkload: Workload {
    let name = "mget-100"
    static let count = 100
    static let valueBytes = 100
    static let tasks = 10

    var summary: String { "MGET of \(Self.count) \(Self.valueBytes)-byte values to [ByteBuffer?], \(Self.tasks) tasks" }
    var target: Target? { .ratio(1.65) }
    private static let keys = (0..<count).map { benchKey("mget:\($0)") }

    func keys(on bench: Bench) -> [String] { Self.keys }

    func prepare(on bench: Bench) async throws {
        let value = String(repeating: "x", count: Self.valueBytes)
        let commands = Self.keys.map { SET($0, value) }
        for result in try await bench.client.execute(pipeline: commands) { _ = try result.get() }
    }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        let command = MGET(Self.keys, as: ByteBuffer.self)
        return Load(tasks: Self.tasks) { _, _ in
            let values = try await client.execute(command)
            guard values.count == Self.count, values.last??.readableBytes == Self.valueBytes else {
                throw BenchmarkError("MGET returned something else")
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        RedisBenchmark(bench.server, connections: Self.tasks, pipeline: 1, command: ["MGET"] + Self.keys)
    }
}

import NIOCore
import RedisClient

/// `SET` of one value by 50 tasks at once, all to the same key.
struct SetWorkload: Workload {
    let name: String
    let valueBytes: Int
    let limit: Double

    static let tasks = 50
    private var key: String { benchKey("set-\(self.valueBytes)") }

    var summary: String { "SET of \(self.valueBytes) bytes from ByteBuffer, \(Self.tasks) tasks, one connection" }
    var target: Target? { .ratio(self.limit) }
    func keys(on bench: Bench) -> [String] { [self.key] }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        let command = SET(self.key, ByteBuffer(repeating: UInt8(ascii: "x"), count: self.valueBytes))
        return Load(tasks: Self.tasks) { _, _ in
            guard try await client.execute(command) == "OK" else { throw BenchmarkError("SET returned something else") }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        let value = String(repeating: "x", count: self.valueBytes)
        return RedisBenchmark(bench.server, connections: 1, pipeline: 50, command: ["SET", self.key, value])
    }
}

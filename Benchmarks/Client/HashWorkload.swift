import RedisClient

/// `HGETALL` of one hash by ten tasks at once, decoded to a dictionary.
struct HashWorkload: Workload {
    let name = "hgetall-100"
    static let count = 100
    static let valueBytes = 100
    static let tasks = 10
    private static let key = benchKey("hash")

    var summary: String {
        "HGETALL of \(Self.count) \(Self.valueBytes)-byte fields to [String: String], \(Self.tasks) tasks"
    }
    var target: Target? { .ratio(1.65) }
    func keys(on bench: Bench) -> [String] { [Self.key] }

    func prepare(on bench: Bench) async throws {
        let value = String(repeating: "x", count: Self.valueBytes)
        let fields = (0..<Self.count).map { RawCommand<Int>("HSET", Self.key, "field:\($0)", value) }
        for result in try await bench.client.execute(pipeline: fields) { _ = try result.get() }
    }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        let command = HGETALL(Self.key, as: [String: String].self)
        return Load(tasks: Self.tasks) { _, _ in
            guard try await client.execute(command).count == Self.count else {
                throw BenchmarkError("HGETALL returned something else")
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        RedisBenchmark(bench.server, connections: Self.tasks, pipeline: 1, command: ["HGETALL", Self.key])
    }
}

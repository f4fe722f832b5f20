import RedisClient

/// `GET` of one small value by many tasks at once.
struct GetWorkload: Workload {
    let name: String
    let tasks: Int
    /// The pipeline depth of redis-benchmark over its one connection.
    let yardstickPipeline: Int
    let limit: Double

    static let valueBytes = 128
    static let key = benchKey("get")

    var summary: String { "GET of \(Self.valueBytes) bytes to String?, \(self.tasks) task(s), one connection" }
    var target: Target? { .ratio(self.limit) }
    func keys(on bench: Bench) -> [String] { [Self.key] }

    func prepare(on bench: Bench) async throws {
        _ = try await bench.client.execute(SET(Self.key, String(repeating: "x", count: Self.valueBytes)))
    }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        return Load(tasks: self.tasks) { _, _ in
            let value = try await client.execute(GET(Self.key, as: String.self))
            guard value?.utf8.count == Self.valueBytes else { throw BenchmarkError("GET returned something else") }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        RedisBenchmark(bench.server, connections: 1, pipeline: self.yardstickPipeline, command: ["GET", Self.key])
    }

    /// How many connections the client has while all tasks are at work.
    func remarks(on bench: Bench) async throws -> [String] {
        guard bench.server.isPrivate else { return [] }
        async let work = self.load(on: bench).run(for: .milliseconds(50))
        let list = try await bench.client.execute(RawCommand<String>("CLIENT", "LIST"))
        _ = try await work
        return ["CLIENT LIST showed \(list.split(separator: "\n").count) connection(s) during the load"]
    }
}

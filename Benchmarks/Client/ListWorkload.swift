import NIOCore
import RedisClient

/// One very large reply, 21 MB: `LRANGE` over a whole list.
struct ListWorkload: Workload {
    let name = "lrange-200k"
    static let count = 200_000
    static let elementBytes = 100
    private static let key = benchKey("list")

    var summary: String { "LRANGE of \(Self.count) elements of \(Self.elementBytes) bytes to [ByteBuffer], 1 task" }
    var target: Target? { .ratio(5) }
    var comparesWallTime: Bool { true }
    func keys(on bench: Bench) -> [String] { [Self.key] }

    func prepare(on bench: Bench) async throws {
        let element = String(repeating: "x", count: Self.elementBytes)
        let pushes = Array(repeating: RawCommand<Int>("RPUSH", Self.key, element), count: 10_000)
        _ = try await bench.client.execute(RawCommand<Int>("UNLINK", Self.key))
        for _ in 0..<Self.count / pushes.count {
            for result in try await bench.client.execute(pipeline: pushes) { _ = try result.get() }
        }
    }

    func load(on bench: Bench) -> Load {
        let client = bench.client
        let command = LRANGE(Self.key, as: ByteBuffer.self)
        return Load(sampling: 1) { _, _ in
            let elements = try await client.execute(command)
            guard elements.count == Self.count, elements.last?.readableBytes == Self.elementBytes else {
                throw BenchmarkError("LRANGE returned something else: \(elements.count) elements")
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? { LargeReplyReader(bench.server, key: Self.key) }
}

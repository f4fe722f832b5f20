import NIOCore
import Oxbow
import RedisClient

/// Reading 100 entries that are there by one call, by 50 tasks at once without a request scope.
struct BulkHitWorkload: Workload {
    let name = "bulk-100"
    let summary = "hits of 100 entries of 128 bytes as ByteBuffer by one call"
    private static let valueBytes = 128
    private static let entries = (0..<100).map { "entry-\($0)" }

    private func cache(on bench: Bench) throws -> Cache<ByteBuffer> {
        let module = CacheNames(self.name, on: bench).module
        return try bench.oxbow.cache(module, of: ByteBuffer.self, options: CacheOptions(on: bench))
    }

    func keys(on bench: Bench) -> [String] { Self.entries.map(CacheNames(self.name, on: bench).key) }

    func prepare(on bench: Bench) async throws {
        let cache = try self.cache(on: bench)
        let value = ByteBuffer(repeating: UInt8(ascii: "x"), count: Self.valueBytes)
        for entry in Self.entries { try await cache.set(value, for: entry) }
    }

    func load(on bench: Bench) throws -> Load {
        let cache = try self.cache(on: bench)
        return Load(tasks: CacheNames.tasks) { _, _ in
            let values = try await cache.values(for: Self.entries) { _ in throw notThere }
            guard values.count == Self.entries.count else { throw notThere }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        let (client, command) = (bench.client, MGET(self.keys(on: bench), as: ByteBuffer.self))
        let load = Load(tasks: CacheNames.tasks) { _, _ in
            guard try await client.execute(command).allSatisfy({ $0 != nil }) else { throw notThere }
        }
        return LoadYardstick(name: "bare client, MGET", load: load)
    }
}

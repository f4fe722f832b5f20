import NIOCore
import Oxbow
import RedisClient

/// Reading one entry of a group that is there, by 50 tasks at once without a request scope.
struct GroupedHitWorkload: Workload {
    let name = "grouped-hit"
    let summary = "hits of 1 KB as ByteBuffer in a grouped cache"
    static let valueBytes = 1024
    private static let group = "group"
    private static let entry = "entry"

    private func cache(on bench: Bench) throws -> GroupedCache<ByteBuffer> {
        let module = CacheNames(self.name, on: bench).module
        return try bench.oxbow.groupedCache(module, of: ByteBuffer.self, options: CacheOptions(on: bench))
    }

    private func key(on bench: Bench) -> String { CacheNames(self.name, on: bench).key(Self.group) }

    func keys(on bench: Bench) -> [String] { [self.key(on: bench)] }

    func prepare(on bench: Bench) async throws {
        let value = ByteBuffer(repeating: UInt8(ascii: "x"), count: Self.valueBytes)
        try await self.cache(on: bench).set(value, for: Self.entry, in: Self.group)
    }

    func load(on bench: Bench) throws -> Load {
        let cache = try self.cache(on: bench)
        let load = noLoader(of: ByteBuffer.self)
        return Load(tasks: CacheNames.tasks) { _, _ in
            let value = try await cache.value(for: Self.entry, in: Self.group, orLoad: load)
            guard value.readableBytes == Self.valueBytes else {
                throw BenchmarkError("the cache returned something else")
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        bareClient("HGET", bench, HGET(self.key(on: bench), Self.entry, as: ByteBuffer.self))
    }
}

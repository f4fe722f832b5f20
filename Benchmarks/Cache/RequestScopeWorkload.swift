import NIOCore
import Oxbow

/// Reading one entry over and over within one request: all reads but the first stay in memory.
struct RequestScopeWorkload: Workload {
    let name = "request-scope-hit"
    static let reads = 100_000
    private static let valueBytes = 1024
    private static let entry = "entry"

    var summary: String { "\(Self.reads) reads of 1 KB as ByteBuffer within a request scope, 1 task, per read" }
    var target: Target? { .clientCPUMicros(0.15) }

    private func cache(on bench: Bench) throws -> Cache<ByteBuffer> {
        let module = CacheNames(self.name, on: bench).module
        return try bench.oxbow.cache(module, of: ByteBuffer.self, options: CacheOptions(on: bench))
    }

    func keys(on bench: Bench) -> [String] { [CacheNames(self.name, on: bench).key(Self.entry)] }

    func prepare(on bench: Bench) async throws {
        let value = ByteBuffer(repeating: UInt8(ascii: "x"), count: Self.valueBytes)
        try await self.cache(on: bench).set(value, for: Self.entry)
    }

    func load(on bench: Bench) throws -> Load {
        let oxbow = bench.oxbow
        let cache = try self.cache(on: bench)
        let load = noLoader(of: ByteBuffer.self)
        return Load(
            operationsPerCall: Self.reads,
            sampling: 1,
            afterwards: {
                let statistics = cache.statistics
                guard statistics.scopeHits == statistics.hits * UInt64(Self.reads - 1) else {
                    throw BenchmarkError("not every read but the first stayed in the scope: \(statistics)")
                }
            },
            call: { _, _ in
                try await oxbow.withRequestScope {
                    for _ in 0..<Self.reads {
                        let value = try await cache.value(for: Self.entry, orLoad: load)
                        guard value.readableBytes == Self.valueBytes else {
                            throw BenchmarkError("the cache returned something else")
                        }
                    }
                }
            }
        )
    }
}

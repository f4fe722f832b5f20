import NIOCore
import Oxbow
import RedisClient

/// Reading one entry that is there, by 50 tasks at once without a request scope.
struct HitWorkload<Value: Sendable & Equatable>: Workload {
    let name: String
    let summary: String
    var target: Target?
    var compression = CompressionConfiguration.Compression.none
    let value: Value
    let makeCache: @Sendable (Oxbow, _ module: String, CacheOptions) -> Cache<Value>
    /// A cheap look at what was read; all of it is compared once before.
    let isSound: @Sendable (Value) -> Bool

    private static var entry: String { "entry" }

    private func cache(on bench: Bench) -> Cache<Value> {
        let options = CacheOptions(on: bench, compression: self.compression)
        return self.makeCache(bench.oxbow, CacheNames(self.name, on: bench).module, options)
    }

    private func key(on bench: Bench) -> String { CacheNames(self.name, on: bench).key(Self.entry) }

    func keys(on bench: Bench) -> [String] { [self.key(on: bench)] }

    func prepare(on bench: Bench) async throws {
        let cache = self.cache(on: bench)
        try await cache.set(self.value, for: Self.entry)
        guard try await cache.value(for: Self.entry) == self.value else {
            throw BenchmarkError("the value read differs from the value stored")
        }
    }

    func load(on bench: Bench) -> Load {
        let cache = self.cache(on: bench)
        let isSound = self.isSound
        let load = noLoader(of: Value.self)
        return Load(tasks: CacheNames.tasks) { _, _ in
            guard isSound(try await cache.value(for: Self.entry, orLoad: load)) else {
                throw BenchmarkError("the cache returned something else")
            }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        bareClient("GET", bench, GET(self.key(on: bench), as: ByteBuffer.self))
    }

    /// How large the entry is, and what storing it costs.
    func remarks(on bench: Bench) async throws -> [String] {
        let bytes = try await bench.client.execute(RawCommand<Int>("STRLEN", self.key(on: bench)))
        let cache = self.cache(on: bench)
        let value = self.value
        let store = Load(tasks: CacheNames.tasks) { _, _ in try await cache.set(value, for: Self.entry) }
        _ = try await store.run(for: .milliseconds(20))
        let before = ProcessorTime.ofThisProcess()
        let outcome = try await store.run(for: .milliseconds(200))
        let micros = (ProcessorTime.ofThisProcess() - before) / Double(outcome.operations)
        return ["\(bytes) bytes stored; storing by set, \(CacheNames.tasks) tasks: \(number(micros)) client CPU µs/op"]
    }
}

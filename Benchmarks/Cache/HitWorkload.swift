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
    let makeCache: @Sendable (Oxbow, _ module: String, CacheOptions) throws -> Cache<Value>
    /// Reads the entry and looks at the value cheaply; all of it is compared once before.
    ///
    /// Written where the type of the values is known, as users do: this struct is not compiled for each type.
    let hit: @Sendable (Cache<Value>) async throws -> Bool

    private func cache(on bench: Bench) throws -> Cache<Value> {
        let options = CacheOptions(on: bench, compression: self.compression)
        return try self.makeCache(bench.oxbow, CacheNames(self.name, on: bench).module, options)
    }

    private func key(on bench: Bench) -> String { CacheNames(self.name, on: bench).key(hitEntry) }

    func keys(on bench: Bench) -> [String] { [self.key(on: bench)] }

    func prepare(on bench: Bench) async throws {
        let cache = try self.cache(on: bench)
        try await cache.set(self.value, for: hitEntry)
        guard try await cache.value(for: hitEntry) == self.value else {
            throw BenchmarkError("the value read differs from the value stored")
        }
    }

    func load(on bench: Bench) throws -> Load {
        let cache = try self.cache(on: bench)
        let hit = self.hit
        return Load(tasks: CacheNames.tasks) { _, _ in
            guard try await hit(cache) else { throw BenchmarkError("the cache returned something else") }
        }
    }

    func yardstick(on bench: Bench) -> (any Yardstick)? {
        bareClient("GET", bench, GET(self.key(on: bench), as: ByteBuffer.self))
    }

    /// How large the entry is, and what storing it costs.
    func remarks(on bench: Bench) async throws -> [String] {
        let bytes = try await bench.client.execute(RawCommand<Int>("STRLEN", self.key(on: bench)))
        let cache = try self.cache(on: bench)
        let value = self.value
        let store = Load(tasks: CacheNames.tasks) { _, _ in try await cache.set(value, for: hitEntry) }
        _ = try await store.run(for: .milliseconds(20))
        let before = ProcessorTime.ofThisProcess()
        let outcome = try await store.run(for: .milliseconds(200))
        let micros = (ProcessorTime.ofThisProcess() - before) / Double(outcome.operations)
        return ["\(bytes) bytes stored; storing by set, \(CacheNames.tasks) tasks: \(number(micros)) client CPU µs/op"]
    }
}

/// The key within the cache.
let hitEntry = "entry"

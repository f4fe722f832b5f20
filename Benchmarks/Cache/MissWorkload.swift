import NIOCore
import Oxbow
import RedisClient
import Synchronization

/// Reading entries that are not there, a new key each time, with a loader that answers at once: look, claim and fill.
///
/// Entries are removed after each run. Should that not come to pass, or the run be long, they expire: the server, private
/// or not, does not fill up.
struct MissWorkload: Workload {
    let name = "miss-load"
    let summary = "misses: look, claim, load and fill 1 KB as ByteBuffer, a new key each time"
    /// Longer than a run of the usual length, because a server that expires entries all the time answers late.
    static let timeToLive = Duration.seconds(10)
    private static let value = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1024)

    func load(on bench: Bench) throws -> Load {
        var options = CacheOptions(on: bench)
        options.timeToLive = Self.timeToLive
        let names = CacheNames(self.name, on: bench)
        let cache = try bench.oxbow.cache(names.module, of: ByteBuffer.self, options: options)
        let fresh = FreshEntries()
        let value = Self.value
        let load: @Sendable () async throws -> ByteBuffer = { value }
        return Load(
            tasks: CacheNames.tasks,
            afterwards: {
                try await fresh.remove(names, bench.client)
                let statistics = cache.statistics
                let failures = statistics.refusedFills + statistics.failedFills + statistics.storeFailures
                guard statistics.hits + failures == 0, statistics.loads == statistics.misses else {
                    throw BenchmarkError("not every call was a load and a fill: \(statistics)")
                }
            },
            call: { _, _ in
                let loaded = try await cache.value(for: fresh.next(), orLoad: load)
                guard loaded.readableBytes == value.readableBytes else {
                    throw BenchmarkError("the cache returned something else")
                }
            }
        )
    }

    /// What a cache without any promise does: GET, then SET PX of the value alone.
    func yardstick(on bench: Bench) -> (any Yardstick)? {
        let client = bench.client
        let names = CacheNames("\(self.name)-bare", on: bench)
        let fresh = FreshEntries()
        let value = Self.value
        let milliseconds = Int(Self.timeToLive / .milliseconds(1))
        let load = Load(
            tasks: CacheNames.tasks,
            afterwards: { try await fresh.remove(names, client) },
            call: { _, _ in
                let key = names.key(fresh.next())
                guard try await client.execute(GET(key, as: ByteBuffer.self)) == nil,
                    try await client.execute(SET(key, value, milliseconds: milliseconds)) == "OK"
                else { throw BenchmarkError("a new key was there, or could not be set") }
            }
        )
        return LoadYardstick(name: "bare client, GET and SET PX", load: load)
    }
}

/// Entries named by consecutive numbers, from one on that no run before has used, but for a rare chance.
private final class FreshEntries: Sendable {
    private let last: Atomic<Int>
    private let lastRemoved: Atomic<Int>

    init() {
        let start = Int.random(in: 1_000_000_000_000..<9_000_000_000_000)
        self.last = Atomic(start)
        self.lastRemoved = Atomic(start)
    }

    func next() -> String { String(self.last.wrappingAdd(1, ordering: .relaxed).newValue) }

    /// Removes what was named since the last call; nobody may name anything meanwhile.
    func remove(_ names: CacheNames, _ client: RedisClient) async throws {
        let last = self.last.load(ordering: .relaxed)
        var first = self.lastRemoved.exchange(last, ordering: .relaxed) + 1
        while first <= last {
            let numbers = first..<min(first + 1000, last + 1)
            let commands = numbers.map { RawCommand<Int>("UNLINK", names.key(String($0))) }
            for result in try await client.execute(pipeline: commands) { _ = try result.get() }
            first = numbers.upperBound
        }
    }
}

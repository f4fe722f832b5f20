import NIOCore
import Oxbow
import RedisClient
import Synchronization
import TestServers
import Testing

/// Reads that many callers of one process share.
@Suite(.timeLimit(.minutes(1))) struct SharedReadTests {
    @Test(arguments: StoreKind.servers)
    func `callers who want a cold entry at once share their looks`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: patient()) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let loads = Counter()
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try await cache.value(for: "k") {
                            loads.increment()
                            try await Task.sleep(for: .milliseconds(200))
                            return "v"
                        }
                    }
                }
                for try await value in group { check(value, "v") }
            }
            let statistics = cache.statistics
            check(loads.value, 1)
            // Who shares a look is neither a hit nor a miss.
            #expect(statistics.hits + statistics.misses < 300, "\(statistics)")
            #expect(statistics.joins > 700, "\(statistics)")
        }
    }

    @Test(arguments: StoreKind.servers)
    func `callers who want an entry that is there look by themselves`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: patient()) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "v" }, "v")
            check(try await cache.value(for: "k") { "unused" }, "v")
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<500 { group.addTask { try await cache.value(for: "k") { "unused" } } }
                for try await value in group { check(value, "v") }
            }
            check(cache.statistics.hits, 501)
            check(cache.statistics.joins, 0)
        }
    }

    @Test func `who shares a read of a server that hangs waits no longer than the soft time-out and the load`()
        async throws
    {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.cache.softTimeout = .seconds(1)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            _ = try await cache.value(for: "warm-up") { "v" }
            server.pause()
            defer { server.resume() }
            let longest = try await withThrowingTaskGroup(of: Duration.self) { group in
                // They come one after another: the last ones wait for a look that others began.
                for number in 0..<60 {
                    group.addTask {
                        try await Task.sleep(for: .milliseconds(10 * number))
                        let start = ContinuousClock.now
                        check(try await cache.value(for: "k") { "loaded" }, "loaded")
                        return start.duration(to: .now)
                    }
                }
                return try await group.reduce(.zero) { max($0, $1) }
            }
            #expect(longest < .milliseconds(1800))
            #expect(cache.statistics.joins > 0)
        }
    }

    @Test func `who takes no absence for an answer loads past a shared one`() async throws {
        var configuration = patient()
        configuration.looksAtOnce = 0
        let gate = Gate()
        let store = HookedStore { operation, _ in if operation == .read { await gate.pass() } }
        let oxbow = Oxbow(configuration, store: store)
        let cache = try oxbow.cache(freshModule(), of: String.self)
        // The first one looks, the second one's read is the coming one, which the third one shares.
        async let first = cache.value(for: "k") { () -> String? in nil }
        await gate.arrival()
        async let second = cache.value(for: "k") { () -> String? in nil }
        try await Task.sleep(for: .milliseconds(50))
        async let third = cache.value(for: "k") { () -> String in "a value" }
        try await Task.sleep(for: .milliseconds(50))
        gate.open()
        let values = try await (first, second, third)
        check(values.2, "a value")
        check(values.0, nil)
        check(try await cache.value(for: "k"), "a value")
    }

    @Test func `a read that was under way is not shared by who comes behind an invalidation`() async throws {
        var configuration = patient()
        configuration.looksAtOnce = 0
        let gate = Gate()
        let isHeld = Atomic<Bool>(false)
        let store = HookedStore { operation, _ in
            if operation == .answer, isHeld.exchange(false, ordering: .relaxed) { await gate.pass() }
        }
        let oxbow = Oxbow(configuration, store: store)
        let cache = try oxbow.cache(freshModule(), of: String.self)
        check(try await cache.value(for: "k") { "old" }, "old")
        isHeld.store(true, ordering: .relaxed)
        async let early = cache.value(for: "k") { "unused" }
        await gate.arrival()
        // It has its answer and does not know it yet.
        try await cache.invalidate("k")
        async let late = cache.value(for: "k") { "new" }
        try await Task.sleep(for: .milliseconds(50))
        gate.open()
        check(try await early, "old")
        check(try await late, "new")
    }
}

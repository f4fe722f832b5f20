import Oxbow
import RedisClient
import TestServers
import Testing

/// Writes to a database whose values are cached.
@Suite struct UpdateTests {
    private struct Failure: Error, Equatable {}

    @Test(arguments: StoreKind.allCases)
    func `a reader during the write goes to the database and stores nothing`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            let written = try await cache.update("k") {
                check(try await cache.value(for: "k"), nil)
                check(try await cache.value(for: "k") { "old, from the database" }, "old, from the database")
                return 7
            }
            check(written, Updated(value: 7, outcome: .applied))
            check(try await cache.value(for: "k"), nil)
            check(try await cache.value(for: "k") { "new" }, "new")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a value that is returned is stored, unless it was invalidated meanwhile`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.groupedCache(freshModule(), of: String.self)
            check(try await cache.writeThrough("k", in: "g") { "new" }.value, "new")
            check(try await cache.value(for: "k", in: "g"), "new")
            let other = try await cache.writeThrough("k", in: "g") {
                try await cache.invalidate("k", in: "g")
                return "older than the invalidation"
            }
            check(other.value, "older than the invalidation")
            check(try await cache.value(for: "k", in: "g"), nil)
            check(cache.statistics.refusedFills, 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a load that began before the write stores nothing`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            let reader = Task {
                try await cache.value(for: "k") {
                    await gate.pass()
                    return "old"
                }
            }
            await gate.arrival()
            try await cache.update(["k", "other"]) {}
            gate.open()
            check(try await reader.value, "old")
            check(try await cache.value(for: "k"), nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a write that throws, or is cancelled, leaves the entry open and empty`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            await #expect(throws: Failure()) {
                try await cache.update("k") { () async throws -> Int in throw Failure() }
            }
            check(try await cache.value(for: "k") { "new" }, "new")
            let task = Task {
                try await cache.update("k") { () async throws -> Int in
                    try await Task.sleep(for: .seconds(60))
                    return 1
                }
            }
            try await expectEventually { try await cache.value(for: "k") == nil }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            // Opened: what is loaded is stored again.
            try await expectEventually {
                _ = try await cache.value(for: "k") { "newer" }
                return try await cache.value(for: "k") == "newer"
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a long write keeps the entry closed, and a crashed one for a while only`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.claimLife = .milliseconds(300)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await cache.update("k") { () async throws in
                // Three lives of a closing.
                for _ in 0..<9 {
                    try await Task.sleep(for: .milliseconds(100))
                    check(try await cache.value(for: "k") { "old" }, "old")
                    check(try await cache.value(for: "k"), nil)
                }
            }
            check(try await cache.value(for: "k") { "new" }, "new")
            check(try await cache.value(for: "k"), "new")
        }
    }

    @Test func `with the store away an update is refused, if so wished`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.commandTimeout = .milliseconds(300)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self, options: CacheOptions(updateWithoutStore: .refuse))
            try await cache.update("k") {}
            server.pause()
            defer { server.resume() }
            let error = await #expect(throws: OxbowError.self) {
                try await cache.update("k") { () async throws in Issue.record("it was written") }
            }
            check(error?.code, .unavailable)
            check(oxbow.invalidationJournal.pending, 0)
        }
    }

    /// Regression: each key was closed and renewed by a task and a round trip of its own, so that many could not be renewed in
    /// time.
    @Test func `a hundred thousand entries stay closed for longer than a closing lasts`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache = patient()
        configuration.cache.claimLife = .seconds(10)
        let keys = (0..<100_000).map(String.init)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: Int.self)
            let closed = try await cache.update(keys) {
                let end = ContinuousClock.now + .seconds(12)
                var fewest = Int.max
                while ContinuousClock.now < end {
                    // Beside the record of the processes.
                    let count = try server.cli("--scan", "--pattern", "ox-cache:a:1:*").split(separator: "\n").count
                    fewest = min(fewest, count)
                }
                return fewest
            }
            #expect(closed.value == keys.count)
            #expect(closed.outcome == .applied)
            #expect(try server.cli("--scan", "--pattern", "ox-cache:a:1:*").isEmpty)
        }
    }

    @Test func `out of memory, closing deletes`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try server.cli("config", "set", "maxmemory", "1")
            check(try await cache.writeThrough("k") { "new" }.value, "new")
            #expect(try server.cli("exists", "ox-cache:a:1:k") == "0")
            try server.cli("config", "set", "maxmemory", "0")
            check(try await cache.value(for: "k") { "new" }, "new")
        }
    }
}

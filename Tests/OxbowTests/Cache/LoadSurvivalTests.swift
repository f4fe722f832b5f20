import Logging
import Oxbow
import RedisClient
import Synchronization
import TestServers
import Testing

/// Loads that fail, hang or are abandoned, and the callers of other keys and processes.
@Suite(.timeLimit(.minutes(1))) struct LoadSurvivalTests {
    private struct NotFound: Error {}

    /// Runs several instances on one server.
    private func withInstances(
        _ count: Int,
        _ cache: CacheConfiguration = patient(),
        _ body: @escaping @Sendable ([Oxbow]) async throws -> Void
    ) async throws {
        func add(_ oxbows: [Oxbow]) async throws {
            guard oxbows.count < count else { return try await body(oxbows) }
            try await withOxbow(.redis, cache: cache) { oxbow async throws in try await add(oxbows + [oxbow]) }
        }
        try await add([])
    }

    /// Regression: one process after the other claimed and failed, so that the last of eight ended after 1.6 s.
    @Test(arguments: [true, false])
    func `a load that fails, or is not stored, holds no other process up`(_ fails: Bool) async throws {
        var configuration = patient()
        configuration.maximumValueBytes = 10
        try await self.withInstances(8, configuration) { oxbows async throws in
            let module = freshModule()
            let caches = try oxbows.map { try $0.cache(module, of: String.self) }
            for cache in caches { check(try await cache.value(for: "warm") { "v" }, "v") }
            let start = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                for cache in caches {
                    group.addTask {
                        let value = try? await cache.value(for: "k") { () async throws -> String in
                            try await Task.sleep(for: .milliseconds(200))
                            if fails { throw NotFound() }
                            return "longer than ten bytes"
                        }
                        #expect((value == nil) == fails)
                    }
                }
            }
            // Two loads one after the other, on a machine that does other things as well.
            #expect(start.duration(to: .now) < .milliseconds(1000))
            // The mark ends by itself.
            try await expectEventually {
                _ = try await caches[0].value(for: "k") { "short" }
                return try await caches[1].contains("k")
            }
        }
    }

    /// Regression: each load ended with its caller, was begun again by the next one, and never stored.
    @Test(arguments: StoreKind.servers)
    func `a load survives its caller while others wait`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let loads = Counter()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask { await Self.request(cache, loads, after: .milliseconds(50 * number)) }
                }
            }
            #expect(loads.count <= 2)
            check(try await cache.value(for: "k"), "v")
        }
    }

    private final class Counter: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int { self.number.load(ordering: .relaxed) }
        func increment() { self.number.wrappingAdd(1, ordering: .relaxed) }
    }

    /// A request that gives up after 200 ms, while a load takes 300.
    private static func request(_ cache: Cache<String>, _ loads: Counter, after pause: Duration) async {
        try? await Task.sleep(for: pause)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try? await cache.value(for: "k") {
                    loads.increment()
                    try await Task.sleep(for: .milliseconds(300))
                    return "v"
                }
            }
            try? await Task.sleep(for: .milliseconds(200))
            group.cancelAll()
        }
    }

    @Test(arguments: [false, true])
    func `a load without callers is cancelled, unless it is to be completed`(_ completes: Bool) async throws {
        var configuration = patient()
        configuration.completesLoads = completes
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            let wasCancelled = Atomic<Bool>(false)
            let caller = Task {
                try await cache.value(for: "k") {
                    await gate.pass()
                    wasCancelled.store(Task.isCancelled, ordering: .relaxed)
                    try Task.checkCancellation()
                    return "v"
                }
            }
            await gate.arrival()
            caller.cancel()
            // The caller does not wait for what does not follow.
            await #expect(throws: CancellationError.self) { try await caller.value }
            gate.open()
            try await expectEventually { try await (cache.value(for: "k") == "v") == completes }
            check(wasCancelled.load(ordering: .relaxed), !completes)
            if !completes { check(try await cache.value(for: "k") { "other" }, "other") }
        }
    }

    @TaskLocal private static var trace = ""

    @Test func `a loader has the task-local values of its caller`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let value = try await Self.$trace.withValue("request 7") {
                try await cache.value(for: "k") { Self.trace }
            }
            check(value, "request 7")
        }
    }

    /// Regression: readers of closed entries got `tooManyLoads` while store and database were well.
    @Test func `closed entries are not limited as an outage is`() async throws {
        var configuration = patient()
        configuration.maximumConcurrentLoads = 2
        configuration.waitForLoad = .milliseconds(300)
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let keys = (0..<30).map { "\($0)" }
            try await cache.update(keys) { () async throws in
                try await withThrowingTaskGroup(of: String.self) { group in
                    for key in keys {
                        group.addTask {
                            try await cache.value(for: key) {
                                try await Task.sleep(for: .milliseconds(500))
                                return key
                            }
                        }
                    }
                    for try await _ in group {}
                }
            }
        }
    }

    /// Regression: 32 hanging refreshes of one cache stopped those of all others.
    @Test func `refreshes that hang leave room for those of other caches`() async throws {
        var configuration = patient()
        configuration.staleFor = .seconds(60)
        configuration.timeToLive = .milliseconds(50)
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let hanging = try oxbow.cache(freshModule("hangs"), of: String.self)
            let other = try oxbow.cache(freshModule("other"), of: String.self)
            let keys = (0..<40).map { "\($0)" }
            for key in keys { _ = try await hanging.value(for: key) { "old" } }
            _ = try await other.value(for: "k") { "old" }
            try await Task.sleep(for: .milliseconds(60))
            for key in keys {
                check(
                    try await hanging.value(for: key) {
                        try await Task.sleep(for: .seconds(600))
                        return ""
                    },
                    "old"
                )
            }
            try await expectEventually { try await other.value(for: "k") { "new" } == "new" }
        }
    }

    /// Regression: without a claim a caller waited for another's hung load for `maximumLoad`, a minute.
    @Test func `without a store, a hung load is waited for no longer than another's load`() async throws {
        var configuration = CacheConfiguration()
        configuration.waitForLoad = .milliseconds(200)
        let oxbow = Oxbow(configuration, store: BrokenStore(), logger: silent)
        let cache = try oxbow.cache("a", of: String.self)
        let gate = Gate()
        async let hung = cache.value(for: "k") {
            await gate.pass()
            return "late"
        }
        await gate.arrival()
        check(try await cache.value(for: "k") { "at once" }, "at once")
        gate.open()
        check(try await hung, "late")
    }

    /// Regression: claims were made and never filled, so that each next reader waited for five seconds, unseen.
    @Test(arguments: ["-@scripting", "-hpexpire -psetex -set +set|get"])
    func `a user without the right to store reads at the cost of loads, and an operator learns of it`(
        _ rights: String
    ) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try server.cli(
            ["acl", "setuser", "app", "on", ">p", "~*", "&*", "+@all"] + rights.split(separator: " ").map(String.init)
        )
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.redis.credentials = RedisCredentials(username: "app", password: "p")
        let log = LogRecorder()
        try await withOxbow(configuration, logger: log.logger) { oxbow async throws in
            let cache = try oxbow.groupedCache("a", of: String.self)
            _ = try await cache.value(for: "first", in: "g") { "v" }
            let start = ContinuousClock.now
            for _ in 0..<5 { check(try await cache.value(for: "k", in: "g") { "v" }, "v") }
            #expect(start.duration(to: .now) < .seconds(2))
            #expect(log.messages(at: .warning).count { $0.contains("caches cannot store") } == 1)
        }
    }

    /// Regression: a value that cannot be stored was loaded each time, and nothing said so.
    @Test func `a value that is never stored is logged once`() async throws {
        let log = LogRecorder()
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        configuration.cache = patient()
        try await withOxbow(configuration, logger: log.logger) { oxbow async throws in
            let json = try oxbow.cache(freshModule("json"), of: [Double].self)
            for _ in 0..<3 { _ = try await json.value(for: "k") { [Double.nan] } }
            check(log.messages(at: .warning).count { $0.contains("codec") }, 1)
            #expect(json.statistics.failedFills >= 1)
        }
    }
}

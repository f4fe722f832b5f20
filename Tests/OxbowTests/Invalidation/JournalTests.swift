import Foundation
import Oxbow
import OxbowTesting
import RedisClient
import Synchronization
import TestServers
import Testing

/// Invalidations survive outages (promise 5).
@Suite(.timeLimit(.minutes(2))) struct JournalTests {
    /// An instance behind a proxy, and one that always reaches the server.
    private func withOutage(
        entries: Int = 10_000,
        holdOff: Duration? = nil,
        settings: [String] = [],
        _ body: @escaping @Sendable (Oxbow, _ direct: Oxbow, FaultProxy, ServerProcess) async throws -> Void
    ) async throws {
        let server = try await ServerProcess.start(settings: settings)
        defer { server.stop() }
        try await FaultProxy.withProxy(to: .host("127.0.0.1", port: server.port)) { proxy async throws in
            var configuration = OxbowConfiguration()
            configuration.redis.commandTimeout = .milliseconds(300)
            configuration.cache.softTimeout = .milliseconds(200)
            configuration.cache.journalEntries = entries
            configuration.cache.holdOff = holdOff
            configuration.redis.address = .host("127.0.0.1", port: proxy.port)
            let direct = {
                var direct = configuration
                direct.redis.address = .host("127.0.0.1", port: server.port)
                direct.redis.commandTimeout = .seconds(5)
                direct.cache.softTimeout = .seconds(5)
                return direct
            }()
            try await withOxbow(configuration) { oxbow async throws in
                try await withOxbow(direct) { direct async throws in try await body(oxbow, direct, proxy, server) }
            }
        }
    }

    private func cut(_ proxy: FaultProxy) async throws {
        try await proxy.refuse()
        proxy.resetConnections()
    }

    @Test func `what is invalidated in an outage is not read, and removed when the outage is over`() async throws {
        try await self.withOutage { oxbow, direct, proxy, _ async throws in
            let (plain, grouped) = try (oxbow.cache("a", of: String.self), oxbow.groupedCache("b", of: String.self))
            let (others, groups) = try (direct.cache("a", of: String.self), direct.groupedCache("b", of: String.self))
            for key in ["1", "2"] {
                check(try await plain.value(for: key) { "old" }, "old")
                for group in ["g", "h"] { check(try await grouped.value(for: key, in: group) { "old" }, "old") }
            }
            // Refused, and of no consequence to the first.
            await #expect(throws: RedisError.self) { try await oxbow.run() }
            try await self.cut(proxy)
            check(try await plain.invalidate("1"), .journaled)
            check(try await grouped.invalidate("1", in: "g"), .journaled)
            check(try await grouped.invalidate(group: "h"), .journaled)
            check(oxbow.invalidationJournal.pending, 3)
            check(oxbow.invalidationJournal.journaled, 3)
            // Nobody else knows yet.
            check(try await others.value(for: "1"), "old")
            check(try await plain.value(for: "1") { "new" }, "new")
            // Before a word of it could have been carried out.
            try await proxy.listen()
            check(try await plain.value(for: "1") { "new" }, "new")
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            check(oxbow.invalidationJournal.replayed, 3)
            check(try await others.value(for: "1") { "new" }, "new")
            check(try await groups.value(for: "1", in: "g") { "new" }, "new")
            for key in ["1", "2"] { check(try await groups.value(for: key, in: "h") { "new" }, "new") }
            // What was not invalidated is still there.
            check(try await others.value(for: "2"), "old")
            check(try await groups.value(for: "2", in: "g"), "old")
        }
    }

    @Test func `a thousand invalidations of an outage are all carried out`() async throws {
        try await self.withOutage { oxbow, direct, proxy, _ async throws in
            let (cache, others) = try (oxbow.cache("a", of: String.self), direct.cache("a", of: String.self))
            let keys = (0..<1000).map { "\($0)" }
            _ = try await others.values(for: keys) { missing in
                Dictionary(uniqueKeysWithValues: missing.map { ($0, "old") })
            }
            try await self.cut(proxy)
            try await withThrowingTaskGroup(of: InvalidationOutcome.self) { group in
                for key in keys { group.addTask { try await cache.invalidate(key) } }
                for try await outcome in group { check(outcome, .journaled) }
            }
            check(oxbow.invalidationJournal.pending, 1000)
            try await proxy.listen()
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            let loaded = try await others.values(for: keys) { missing in
                Dictionary(uniqueKeysWithValues: missing.map { ($0, "new") })
            }
            check(loaded.values.filter { $0 == "new" }.count, 1000)
        }
    }

    /// Each makes the server refuse, or not carry out, what changes data.
    enum Refusal: CaseIterable, Sendable { case permission, backgroundSave, hang, replica }

    @Test(arguments: Refusal.allCases)
    func `what the server refuses is journaled and carried out later`(_ refusal: Refusal) async throws {
        let settings = ["save 1000 1000000", "enable-protected-configs yes"]
        try await self.withOutage(settings: settings) { oxbow, _, _, server async throws in
            let cache = try oxbow.cache("a", of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            switch refusal {
            case .permission: try server.cli("acl", "setuser", "default", "-@scripting")
            case .backgroundSave:
                // There is no place for its file any more: MISCONF from here on.
                let place = server.directory.appending(path: "gone")
                try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
                try server.cli("config", "set", "dir", place.path)
                try FileManager.default.removeItem(at: place)
                try server.cli("bgsave")
                try await expectEventually {
                    try server.cli("info", "persistence").contains("rdb_last_bgsave_status:err")
                }
            case .hang: server.pause()
            case .replica: try server.cli("replicaof", "127.0.0.1", "1")
            }
            check(try await cache.invalidate("k"), .journaled)
            // Nothing is there; elsewhere there may be.
            check(try await cache.invalidate("absent"), .journaled)
            check(oxbow.invalidationJournal.pending, 2)
            check(try await cache.value(for: "k") { "new" }, "new")
            switch refusal {
            case .permission: try server.cli("acl", "setuser", "default", "+@all")
            case .backgroundSave: try server.cli("config", "set", "stop-writes-on-bgsave-error", "no")
            case .hang: server.resume()
            case .replica: try server.cli("replicaof", "no", "one")
            }
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            try await expectEventually {
                check(try await cache.value(for: "k") { "new" }, "new")
                return try await cache.contains("k")
            }
        }
    }

    @Test func `a full journal reads past its cache until that is empty`() async throws {
        try await self.withOutage(entries: 2) { oxbow, direct, proxy, _ async throws in
            let (full, other) = try (oxbow.cache("full", of: String.self), oxbow.cache("other", of: String.self))
            // Others are not read past, and not emptied.
            let fields = try oxbow.groupedCache("fields", of: String.self)
            for key in ["1", "2", "3", "4"] { check(try await full.value(for: key) { "old" }, "old") }
            check(try await other.value(for: "1") { "old" }, "old")
            check(try await fields.value(for: "1", in: "g") { "old" }, "old")
            try await self.cut(proxy)
            for key in ["1", "2", "3"] { check(try await full.invalidate(key), .journaled) }
            check(oxbow.invalidationJournal.bypassedCaches, 1)
            // The cache as a whole stands for its entries.
            check(oxbow.invalidationJournal.pending, 0)
            check(try await full.value(for: "4"), nil)
            try await proxy.listen()
            check(try await full.value(for: "4") { "new" }, "new")
            try await expectEventually { oxbow.invalidationJournal.bypassedCaches == 0 }
            for key in ["1", "2", "3", "4"] {
                check(try await direct.cache("full", of: String.self).value(for: key) { "new" }, "new")
            }
            check(try await direct.cache("other", of: String.self).value(for: "1"), "old")
            check(try await direct.groupedCache("fields", of: String.self).value(for: "1", in: "g"), "old")
        }
    }

    /// Regression: while one cache was emptied, which may take minutes, no other invalidation was carried out.
    @Test func `a cache that is emptied holds no other invalidation up`() async throws {
        let gate = Gate()
        let isAway = Atomic<Bool>(true)
        let store = HookedStore { operation, _ in
            switch operation {
            case .invalidate: if isAway.load(ordering: .acquiring) { throw RedisError(.cannotConnect, "away") }
            case .empty: await gate.pass()
            default: break
            }
        }
        var configuration = patient()
        configuration.journalEntries = 1
        let oxbow = Oxbow(configuration, store: store, logger: silent)
        try await oxbow.withRunning {
            let (full, other) = (try oxbow.cache("full", of: String.self), try oxbow.cache("other", of: String.self))
            for key in ["1", "2"] { check(try await full.invalidate(key), .journaled) }
            check(oxbow.invalidationJournal.bypassedCaches, 1)
            await gate.arrival()
            check(try await other.invalidate("k"), .journaled)
            isAway.store(false, ordering: .releasing)
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            check(oxbow.invalidationJournal.bypassedCaches, 1)
            gate.open()
            try await expectEventually { oxbow.invalidationJournal.bypassedCaches == 0 }
        }
    }

    @Test func `with a hold-off a cache that is emptied as a whole is emptied again behind it`() async throws {
        try await self.withOutage(entries: 1, holdOff: .seconds(1)) { oxbow, direct, proxy, _ async throws in
            let (cache, others) = try (oxbow.cache("a", of: String.self), direct.cache("a", of: String.self))
            for key in ["1", "2"] { check(try await cache.value(for: key) { "old" }, "old") }
            try await self.cut(proxy)
            for key in ["1", "2", "absent"] { check(try await cache.invalidate(key), .journaled) }
            try await proxy.listen()
            try await expectEventually { try await others.value(for: "1") == nil }
            for key in ["1", "absent"] {
                check(try await others.value(for: key) { "read from a replica" }, "read from a replica")
            }
            check(oxbow.invalidationJournal.bypassedCaches, 1)
            try await expectEventually { oxbow.invalidationJournal.bypassedCaches == 0 }
            for key in ["1", "absent"] { check(try await others.value(for: key) { "new" }, "new") }
        }
    }

    @Test(arguments: [Duration.zero, .seconds(30)])
    func `a process that repeats nothing after a failover does not watch the masters`(_ window: Duration) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache.journalReplay = window
        try await withOxbow(configuration) { oxbow async throws in
            check(try await oxbow.cache("a", of: String.self).value(for: "k") { "v" }, "v")
            check(try server.cli("exists", "ox-cache:%masters"), window > .zero ? "1" : "0")
        }
    }

    @Test func `a cancelled task invalidates`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await cache.invalidate("k")
            }
            task.cancel()
            check(try await task.value, .applied)
            check(try await cache.value(for: "k"), nil)
        }
    }

    @Test func `with the store away an update writes and is journaled`() async throws {
        try await self.withOutage { oxbow, direct, proxy, _ async throws in
            let (cache, others) = try (oxbow.cache("a", of: String.self), direct.cache("a", of: String.self))
            for key in ["1", "2", "3"] { check(try await cache.value(for: key) { "old" }, "old") }
            try await self.cut(proxy)
            let written = try await cache.update(["1", "2"]) { () async throws in
                check(try await cache.value(for: "1") { "old or new" }, "old or new")
                return true
            }
            check(written, Updated(value: true, outcome: .journaled))
            try await cache.writeThrough("3") { "new" }
            struct Failure: Error {}
            await #expect(throws: Failure.self) {
                try await cache.update("3") { () async throws in throw Failure() }
            }
            check(oxbow.invalidationJournal.pending, 3)
            try await proxy.listen()
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            for key in ["1", "2", "3"] { check(try await others.value(for: key) { "new" }, "new") }
        }
    }

    @Test func `an update whose store goes away in the middle is journaled`() async throws {
        try await self.withOutage { oxbow, direct, proxy, _ async throws in
            let (cache, others) = try (oxbow.cache("a", of: String.self), direct.cache("a", of: String.self))
            check(try await cache.value(for: "k") { "old" }, "old")
            try await cache.writeThrough("k") { () async throws in
                try await self.cut(proxy)
                return "new"
            }
            check(oxbow.invalidationJournal.pending, 1)
            // Closed for everybody until its end.
            check(try await others.value(for: "k"), nil)
            try await proxy.listen()
            try await expectEventually { oxbow.invalidationJournal.pending == 0 }
            check(try await others.value(for: "k") { "new" }, "new")
        }
    }
}

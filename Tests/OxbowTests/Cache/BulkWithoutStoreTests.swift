import NIOCore
import Oxbow
import RedisClient
import TestServers
import Testing

/// Promise 7 and rule 5 for bulk loads.
@Suite(.timeLimit(.minutes(1))) struct BulkWithoutStoreTests {
    @Test(arguments: CellForm.allCases)
    func `with the store away all keys are loaded by one call`(_ form: CellForm) async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let (cache, database) = try (EitherCache<String>(oxbow, form), Database())
        let keys = (0..<50).map { "\($0)" }
        check(try await cache.values(for: keys) { database.rows($0) }, rows(keys))
        #expect(database.asked == [keys])
        #expect(cache.statistics.storeFailures == 50)
        check(try await cache.invalidate(keys), .journaled)
        check(oxbow.invalidationJournal.pending, 50)
        // What is owed is not even looked at.
        check(try await cache.values(for: keys) { database.rows($0) }, rows(keys))
        #expect(cache.statistics.storeFailures == 100)
    }

    @Test(arguments: CellForm.allCases)
    func `a hung server costs no more than the soft time-out`(_ form: CellForm) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache.softTimeout = .milliseconds(200)
        try await withOxbow(configuration) { oxbow async throws in
            let (cache, database) = try (EitherCache<String>(oxbow, form), Database("loaded "))
            let keys = (0..<1200).map { "\($0)" }
            try await expectEventually {
                _ = try await cache.values(for: keys) { rows($0) }
                return try await cache.value(for: "1199") != nil
            }
            server.pause()
            defer { server.resume() }
            let start = ContinuousClock.now
            check(try await cache.values(for: keys) { database.rows($0) }["7"], "loaded 7")
            #expect(start.duration(to: .now) < .seconds(2))
            #expect(database.asked == [keys])
            server.resume()
            try await expectEventually { try await cache.value(for: "7") == "7" }
        }
    }

    @Test func `what cannot be looked at, claimed or stored leaves the others alone`() async throws {
        let store = HookedStore { operation, cell in
            let isAway =
                switch operation {
                case .read: cell.key.text.hasSuffix("unread")
                case .claim: cell.key.text.hasSuffix("unclaimed")
                case .fill: cell.key.text.hasSuffix("unfilled")
                case .answer, .invalidate, .empty: false
                }
            if isAway { throw RedisError(.cannotConnect, "away") }
        }
        let oxbow = Oxbow(patient(), store: store, logger: silent)
        let (cache, database) = try (EitherCache<String>(oxbow, .key), Database())
        let keys = ["a", "unread", "unclaimed", "unfilled", "b"]
        check(try await cache.values(for: keys) { database.rows($0) }, rows(keys))
        #expect(database.asked == [["a", "unfilled", "b"], ["unread", "unclaimed"]])
        #expect(cache.statistics.storeFailures == 2)
        #expect(cache.statistics.failedFills == 1)
        #expect(cache.statistics.refusedFills == 0)
        for key in keys {
            let content = try await store.inner.read(cache.cell(key))
            switch key {
            case "a", "b":
                guard case .value = content else { throw TestFailure("\(key): \(content)") }
            // Readers are not to wait for each other.
            case "unfilled": #expect(content == .pass)
            default: #expect(content == .absent, "\(key): \(content)")
            }
        }
    }

    /// Rule 5: no running load is shared, a coming one is.
    @Test func `without a store one load of a key runs and one more waits`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let (cache, database, gate) = try (EitherCache<String>(oxbow, .key), Database(), Gate())
        let keys = ["a", "b", "c"]
        let load: @Sendable ([String]) async -> [String: String] = { keys in
            let found = database.rows(keys)
            await gate.pass()
            return found
        }
        async let first = cache.values(for: keys) { await load($0) }
        await gate.arrival()
        database.change(to: "new ")
        try await withThrowingTaskGroup(of: [String: String].self) { group in
            for _ in 0..<20 { group.addTask { try await cache.values(for: keys) { await load($0) } } }
            group.addTask { ["b": try await cache.value(for: "b") { "new b" } ?? ""] }
            try await expectEventually { cache.statistics.storeFailures == 3 + 60 + 1 }
            gate.open()
            for try await values in group { for (key, value) in values { #expect(value == "new \(key)") } }
        }
        #expect(try await first == rows(keys))
        // The running one, the coming one of each key, and those for whom that one had begun already.
        #expect(database.asked.count <= 6)
    }

    /// Each runs what another waits for.
    @Test func `calls with overlapping keys do not wait in a circle`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let cache = try EitherCache<String>(oxbow, .key)
        let gate = Gate()
        let sets = [["a", "b"], ["b", "c"], ["c", "d", "a"], ["d", "b", "e"], ["e", "a"]]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<40 {
                for keys in sets {
                    group.addTask {
                        let keys = round.isMultiple(of: 2) ? keys : keys.reversed()
                        let values = try await cache.values(for: keys) { keys in
                            await gate.pass()
                            await Task.yield()
                            return rows(keys)
                        }
                        #expect(values == rows(keys))
                    }
                }
            }
            await gate.arrival(3)
            gate.open()
            try await group.waitForAll()
        }
        // Nothing is left behind: a new call loads at once.
        check(try await cache.values(for: ["a", "b", "c", "d", "e"]) { _ in ["a": "last"] }, ["a": "last"])
    }

    @Test func `a cancelled call leaves its coming loads to others`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let (cache, gate) = try (EitherCache<String>(oxbow, .key), Gate())
        async let running = cache.values(for: ["a", "b"]) { keys in
            await gate.pass()
            return rows(keys)
        }
        await gate.arrival()
        let leader = Task { try await cache.values(for: ["a", "b"]) { _ in ["a": "cancelled"] } }
        try await expectEventually { cache.statistics.storeFailures == 4 }
        async let waiter = cache.values(for: ["a", "b"]) { _ in ["a": "second"] }
        try await expectEventually { cache.statistics.storeFailures == 6 }
        leader.cancel()
        await #expect(throws: CancellationError.self) { try await leader.value }
        gate.open()
        #expect(try await running == rows(["a", "b"]))
        #expect(try await waiter == ["a": "second"])
        check(try await cache.values(for: ["a"]) { _ in ["a": "later"] }, ["a": "later"])
    }
}

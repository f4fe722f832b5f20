import Oxbow
import Testing

/// Values that are loaded anew before they are gone, as callers see it.
@Suite(.timeLimit(.minutes(1))) struct FreshnessTests {
    private struct Failure: Error {}

    private func configuration(stale: Duration = .zero, factor: Double = 0) -> CacheConfiguration {
        var configuration = patient()
        configuration.timeToLive = .milliseconds(300)
        configuration.jitterPercent = 0
        configuration.staleFor = stale
        configuration.earlyRefreshFactor = factor
        configuration.claimLife = .seconds(1)
        return configuration
    }

    @Test(arguments: StoreKind.allCases)
    func `an expired value is served while one caller loads it anew`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: self.configuration(stale: .seconds(50))) { oxbow async throws in
            let caches = try (
                oxbow.cache(freshModule("plain"), of: Int.self), oxbow.groupedCache(freshModule(), of: Int.self)
            )
            let loads = Counter()
            for form in CellForm.allCases {
                @Sendable func value(_ gate: Gate? = nil) async throws -> Int {
                    let load = { @Sendable () async throws -> Int in
                        await gate?.pass()
                        return loads.increment()
                    }
                    return form == .key
                        ? try await caches.0.value(for: "k", orLoad: load)
                        : try await caches.1.value(for: "k", in: "g", orLoad: load)
                }
                let first = try await value()
                check(try await value(), first)
                try await expectEventually {
                    try await
                        (form == .key
                        ? caches.0.remainingTimeToLive(for: "k")
                        : caches.1.remainingTimeToLive(for: "k", in: "g")) == nil
                }
                let gate = Gate()
                for _ in 0..<20 { check(try await value(gate), first) }
                gate.open()
                try await expectEventually { try await value() == first + 1 }
                check(loads.value, first + 1)
            }
            check(caches.0.statistics.refreshes, 1)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a value is served on when its loader fails, and goes when that lasts too long`(
        _ kind: StoreKind
    ) async throws {
        try await withOxbow(kind, cache: self.configuration(stale: .milliseconds(1500))) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try await expectEventually { try await cache.remainingTimeToLive(for: "k") == nil }
            let failures = Counter()
            @Sendable func value() async throws -> String {
                try await cache.value(for: "k") {
                    failures.increment()
                    throw Failure()
                }
            }
            check(try await value(), "old")
            try await expectEventually { cache.statistics.failedRefreshes > 0 }
            // Nobody tries again at once.
            for _ in 0..<10 { check(try await value(), "old") }
            #expect(failures.value < 4)
            try await expectEventually { (try? await value()) == nil }
            await #expect(throws: Failure.self) { try await value() }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `who brings no loader gets no old value`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: self.configuration(stale: .seconds(50))) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try await expectEventually { try await cache.value(for: "k") == nil }
            check(try await cache.contains("k"), false)
            check(try await cache.remainingTimeToLive(for: "k"), nil)
            // Still there for those with one.
            check(try await cache.value(for: "k") { "new" }, "old")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a bulk load serves old values and has them loaded anew`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: self.configuration(stale: .seconds(50))) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.values(for: ["a", "b"]) { rows($0) }, rows(["a", "b"]))
            try await expectEventually { try await cache.value(for: "b") == nil }
            let database = Database("new ")
            let old = try await cache.values(for: ["a", "b"]) { database.rows($0) }
            check(old, rows(["a", "b"]))
            try await expectEventually { cache.statistics.refreshes == 2 }
            // By one call for all of them.
            check(database.asked.map(Set.init), [["a", "b"]])
            try await expectEventually { try await cache.value(for: "a") { "unused" } == "new a" }
            try await expectEventually { try await cache.value(for: "b") { "unused" } == "new b" }
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a long load beside an old value is one load of all processes`(_ kind: StoreKind) async throws {
        var configuration = self.configuration(stale: .seconds(50))
        configuration.claimLife = .milliseconds(300)
        configuration.timeToLive = .seconds(1)
        let (module, processes) = (freshModule(), configuration)
        try await withOxbow(kind, cache: processes) { first async throws in
            try await withOxbow(kind, cache: processes) { second async throws in
                let (a, b) = try (first.cache(module, of: String.self), second.cache(module, of: String.self))
                check(try await a.value(for: "k") { "old" }, "old")
                try await expectEventually { try await a.value(for: "k") == nil }
                let gate = Gate()
                let load = { @Sendable () async throws -> String in
                    await gate.pass()
                    return "new"
                }
                check(try await a.value(for: "k", orLoad: load), "old")
                await gate.arrival()
                // Three lives of a claim.
                for _ in 0..<9 {
                    try await Task.sleep(for: .milliseconds(100))
                    check(try await b.value(for: "k") { "from another process" }, "old")
                }
                check(b.statistics.loads, 0)
                gate.open()
                try await expectEventually { try await b.value(for: "k") { "from another process" } == "new" }
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `what was invalidated is never served, however stale values may be`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: self.configuration(stale: .seconds(50))) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try await expectEventually { try await cache.remainingTimeToLive(for: "k") == nil }
            let gate = Gate()
            if kind != .memory {
                check(
                    try await cache.value(for: "k") {
                        await gate.pass()
                        return "older than the invalidation"
                    },
                    "old"
                )
                await gate.arrival()
            }
            check(try await cache.invalidate("k"), .applied)
            gate.open()
            check(try await cache.value(for: "k") { "new" }, "new")
            if kind != .memory { try await expectEventually { cache.statistics.refusedFills == 1 } }
            check(try await cache.value(for: "k"), "new")
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a value whose load is dear is loaded anew before it expires`(_ kind: StoreKind) async throws {
        var configuration = self.configuration(factor: 100)
        configuration.timeToLive = .seconds(20)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: Int.self)
            let (cheap, dear) = (Counter(), Counter())
            // With the factor 100 a load of half a second is due, on average, 50 s before the end.
            try await expectEventually {
                _ = try await cache.value(for: "cheap") { cheap.increment() }
                _ = try await cache.value(for: "dear") {
                    if dear.value == 0 { try await Task.sleep(for: .milliseconds(500)) }
                    return dear.increment()
                }
                return dear.value > 1
            }
            check(cheap.value, 1)
            #expect(try await cache.value(for: "dear") != nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `by default nothing is refreshed, and the value goes at its end`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: self.configuration()) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            check(try await cache.value(for: "k") { "old" }, "old")
            try await expectEventually { try await cache.value(for: "k") == nil }
            check(try await cache.value(for: "k") { "new" }, "new")
            check(cache.statistics.refreshes, 0)
        }
    }
}

import NIOCore
import Oxbow
import Testing

/// Many keys by one call.
@Suite(.timeLimit(.minutes(1))) struct BulkTests {
    @Test(arguments: StoreContractTests.cases)
    func `what is missing is loaded by one call, and found from then on`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database) = try (EitherCache<String>(oxbow, form), Database())
            check(try await cache.value(for: "b") { "known" }, "known")
            let asked = ["a", "b", "no-c", "d", "a", "e:{x}*"]
            let load: @Sendable ([String]) -> [String: String] = { keys in
                database.rows(keys).merging(["uninvited": "guest"]) { $1 }
            }
            let expected = ["a": "a", "b": "known", "d": "d", "e:{x}*": "e:{x}*"]
            for _ in 0..<3 { check(try await cache.values(for: asked) { load($0) }, expected) }
            #expect(database.asked == [["a", "no-c", "d", "e:{x}*"]])
            #expect(try await cache.stored(["a", "uninvited"]) == ["a": "a"])
            #expect(cache.statistics.loads == 2)
            #expect(cache.statistics.hits == 1 + 2 * 5 + 1)
            check(try await cache.values(for: []) { load($0) }, [:])
            #expect(database.asked.count == 1)
            // A single caller that cannot do without gets one, and it replaces the absence.
            let absence = try #require(try await cache.remainingTimeToLive(for: "no-c"))
            #expect(absence <= .seconds(60))
            check(try await cache.value(for: "no-c") { "made" }, "made")
            check(try await cache.values(for: ["no-c"]) { load($0) }, ["no-c": "made"])
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `what is stored lives as long as the call says`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try EitherCache<String>(oxbow, form)
            _ = try await cache.values(for: ["a"], timeToLive: .seconds(200)) { rows($0) }
            let life = try #require(try await cache.remainingTimeToLive(for: "a"))
            #expect(life <= .seconds(200) && life > .seconds(180))
        }
    }

    /// Promise 3: only the key that was invalidated stays out.
    @Test(arguments: StoreContractTests.cases)
    func `an invalidation during the load refuses exactly that key's fill`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database, gate) = try (EitherCache<String>(oxbow, form), Database("old "), Gate())
            let keys = ["a", "b", "c"]
            async let early = cache.values(for: keys) { keys in
                let found = database.rows(keys)
                await gate.pass()
                return found
            }
            await gate.arrival()
            database.change(to: "new ")
            try await cache.invalidate("b")
            gate.open()
            #expect(try await early == ["a": "old a", "b": "old b", "c": "old c"])
            #expect(cache.statistics.refusedFills == 1)
            #expect(try await cache.stored(keys) == ["a": "old a", "c": "old c"])
            check(try await cache.values(for: keys) { database.rows($0) }, ["a": "old a", "b": "new b", "c": "old c"])
            #expect(database.asked == [keys, ["b"]])
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a loader's error comes out as it is, also to those who wait, and nothing stays claimed`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, gate) = try (EitherCache<String>(oxbow, form), Gate())
            let failing = Task {
                try await cache.values(for: ["a", "b"]) { _ in
                    await gate.pass()
                    throw TestFailure("database")
                }
            }
            await gate.arrival()
            let waiting = Task { try await cache.value(for: "b") { "own" } }
            try await expectEventually { cache.statistics.misses >= 3 }
            // Having seen the claim it joins; a moment later at the latest.
            try await Task.sleep(for: .milliseconds(50))
            gate.open()
            await #expect(throws: TestFailure.self) { _ = try await failing.value }
            await #expect(throws: TestFailure.self) { _ = try await waiting.value }
            let start = ContinuousClock.now
            check(try await cache.values(for: ["a", "b"]) { rows($0) }, rows(["a", "b"]))
            #expect(start.duration(to: .now) < .seconds(2))
            // Stored again a moment after the failure.
            try await expectEventually {
                _ = try await cache.values(for: ["a", "b"]) { rows($0) }
                return try await cache.stored(["a", "b"]) == rows(["a", "b"])
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a loader that reads its own keys loads past`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try EitherCache<String>(oxbow, form)
            let values = try await cache.values(for: ["a", "b"]) { keys in
                let single = try await cache.value(for: "a") { "single" } ?? ""
                let several = try await cache.values(for: ["b", "c"]) { keys in
                    keys.reduce(into: [:]) { $0[$1] = "\(keys)" }
                }
                return ["a": single, "b": several.sorted { $0.key < $1.key }.map(\.value).joined()]
            }
            #expect(values == ["a": "single", "b": #"["c", "b"]["c", "b"]"#])
            #expect(try await cache.stored(["a", "b", "c"]) == values.merging(["c": #"["c", "b"]"#]) { $1 })
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a closed entry is loaded past and stays closed, its neighbors are stored`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database) = try (EitherCache<String>(oxbow, form), Database())
            try await cache.update("b") {
                check(try await cache.values(for: ["a", "b", "c"]) { database.rows($0) }, rows(["a", "b", "c"]))
                check(try await cache.stored(["a", "b", "c"]), rows(["a", "c"]))
            }
            #expect(database.asked == [["a", "c"], ["b"]])
            #expect(cache.statistics.refusedFills == 0)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a value that cannot be stored leaves the others alone`(_ kind: StoreKind, _ form: CellForm) async throws {
        var configuration = patient()
        configuration.maximumValueBytes = 1000
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try EitherCache<String>(oxbow, form)
            let large = String(repeating: "x", count: 1001)
            let values = try await cache.values(for: ["a", "b"]) { _ in ["a": large, "b": "b"] }
            #expect(values == ["a": large, "b": "b"])
            #expect(cache.statistics.failedFills == 1)
            #expect(try await cache.stored(["a", "b"]) == ["b": "b"])
            // Its claim was given back.
            let start = ContinuousClock.now
            check(try await cache.value(for: "a") { "small" }, "small")
            #expect(start.duration(to: .now) < .seconds(2))
        }
    }

    @Test(arguments: CellForm.allCases)
    func `a load that takes longer than its claims' lives keeps the claims`(_ form: CellForm) async throws {
        var configuration = patient()
        configuration.claimLife = .milliseconds(900)
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try EitherCache<String>(oxbow, form)
            let keys = (0..<20).map { "\($0)" }
            let values = try await cache.values(for: keys) { keys in
                try await Task.sleep(for: .milliseconds(1500))
                return rows(keys)
            }
            #expect(values == rows(keys))
            #expect(cache.statistics.refusedFills == 0)
            #expect(try await cache.stored(keys) == values)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `several entries are invalidated by one call`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, gate) = try (EitherCache<String>(oxbow, form), Gate())
            let keys = ["a", "b", "c"]
            _ = try await cache.values(for: keys) { rows($0) }
            async let late = cache.values(for: ["d"]) { keys in
                await gate.pass()
                return rows(keys)
            }
            await gate.arrival()
            try await cache.invalidate(["a", "c", "d", "a", "never there"])
            gate.open()
            #expect(try await late == rows(["d"]))
            #expect(try await cache.stored(keys + ["d"]) == ["b": "b"])
            try await cache.invalidate([])
        }
    }

    @Test func `keys that a dictionary cannot tell apart are refused before anything happens`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            let cache = try EitherCache<String>(oxbow, .key)
            let (composed, decomposed) = ("\u{E9}", "e\u{301}")
            let load: @Sendable ([String]) -> [String: String] = { keys in
                Issue.record("asked for \(keys)")
                return [:]
            }
            for keys in [["a", composed, decomposed], ["a", ""]] {
                let error = await #expect(throws: OxbowError.self) {
                    _ = try await cache.values(for: keys) { load($0) }
                }
                #expect(error?.code == .invalidKey)
            }
            // Each by itself is a key of its own.
            check(try await cache.values(for: [composed]) { rows($0) }, [composed: composed])
            check(try await cache.values(for: [decomposed]) { _ in [composed: "2"] }, [decomposed: "2"])
        }
    }

    @Test(arguments: CellForm.allCases)
    func `a request scope remembers values and absences, and what was invalidated meanwhile is not remembered`(
        _ form: CellForm
    ) async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let (cache, database) = try (EitherCache<String>(oxbow, form), Database("old "))
            try await oxbow.withRequestScope { () async throws in
                check(try await cache.value(for: "a") { "a" }, "a")
                let expected = ["a": "a", "b": "old b"]
                let first = try await cache.values(for: ["a", "b", "no-c"]) { keys in
                    // For everybody: what the scope remembers is not seen.
                    check(cache.statistics.scopeHits, 1)
                    check(try await cache.value(for: "a"), "a")
                    check(cache.statistics.scopeHits, 1)
                    return database.rows(keys)
                }
                #expect(first == expected)
                let hits = cache.statistics.hits
                check(try await cache.values(for: ["a", "b", "no-c"]) { database.rows($0) }, expected)
                check(try await cache.value(for: "b"), "old b")
                #expect(cache.statistics.scopeHits == 5)
                #expect(cache.statistics.hits == hits)
                #expect(database.asked == [["b", "no-c"]])
                let gate = Gate()
                async let early = cache.values(for: ["d", "e"]) { keys in
                    let found = database.rows(keys)
                    await gate.pass()
                    return found
                }
                await gate.arrival()
                database.change(to: "new ")
                try await cache.invalidate("d")
                gate.open()
                #expect(try await early == ["d": "old d", "e": "old e"])
                check(try await cache.values(for: ["d", "e"]) { database.rows($0) }, ["d": "new d", "e": "old e"])
            }
        }
    }
}

import Oxbow
import Synchronization
import Testing

/// Bulk loads beside others for the same keys: promise 6, and rules 4 and 10 of the cell protocol.
@Suite(.timeLimit(.minutes(1))) struct BulkSharingTests {
    private static let servers = StoreKind.servers.flatMap { kind in CellForm.allCases.map { (kind, $0) } }

    @Test(arguments: StoreContractTests.cases)
    func `callers of one process share the load, for one key and for several`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database, gate) = try (EitherCache<String>(oxbow, form), Database(), Gate())
            async let first = cache.values(for: ["a", "b", "no-c"]) { keys in
                await gate.pass()
                return database.rows(keys)
            }
            await gate.arrival()
            async let single = cache.value(for: "a") { "never" }
            async let several = cache.values(for: ["d", "b", "no-c"]) { database.rows($0) }
            try await expectEventually { try await cache.value(for: "d") == "d" }
            gate.open()
            #expect(try await first == rows(["a", "b"]))
            #expect(try await single == "a")
            #expect(try await several == rows(["b", "d"]))
            #expect(database.asked == [["d"], ["a", "b", "no-c"]])
        }
    }

    @Test(arguments: Self.servers)
    func `two processes with overlapping keys load each key once`(_ kind: StoreKind, _ form: CellForm) async throws {
        let module = freshModule()
        try await withOxbow(kind) { first async throws in
            try await withOxbow(kind) { second async throws in
                let (a, b) = try (EitherCache<String>(first, form, module), EitherCache<String>(second, form, module))
                let (ofA, ofB, gate) = (Database(), Database(), Gate())
                let keys = (0..<30).map { "k\($0)" }
                async let early = a.values(for: Array(keys[..<20])) { keys in
                    await gate.pass()
                    return ofA.rows(keys)
                }
                await gate.arrival()
                async let late = b.values(for: Array(keys[10...])) { ofB.rows($0) }
                // Loaded and stored before the other's are waited for.
                try await expectEventually { try await b.value(for: "k29") == "k29" }
                gate.open()
                #expect(try await early == rows(Array(keys[..<20])))
                #expect(try await late == rows(Array(keys[10...])))
                #expect(ofA.asked == [Array(keys[..<20])])
                #expect(ofB.asked == [Array(keys[20...])])
            }
        }
    }

    /// A holds k1 and wants k2, B holds k2 and wants k1.
    @Test(arguments: CellForm.allCases)
    func `two processes that want each other's keys do not wait for each other`(_ form: CellForm) async throws {
        let (store, module) = (MemoryStore(), freshModule())
        var configuration = patient()
        configuration.waitForLoad = .seconds(50)
        // Both have looked before either claims, and each claims the other's key only when that one has it.
        func instance(own: (key: String, looked: Gate, claimed: Gate), other: (looked: Gate, claimed: Gate)) -> Oxbow {
            let hooked = HookedStore(store) { operation, cell in
                guard operation == .claim else { return }
                if (cell.field ?? cell.key).text.hasSuffix(own.key) {
                    own.looked.open()
                    await other.looked.pass()
                } else {
                    own.claimed.open()
                    await other.claimed.pass()
                }
            }
            return Oxbow(configuration, store: hooked, logger: silent)
        }
        let (ofFirst, ofSecond) = ((looked: Gate(), claimed: Gate()), (looked: Gate(), claimed: Gate()))
        let first = instance(own: ("k1", ofFirst.looked, ofFirst.claimed), other: ofSecond)
        let second = instance(own: ("k2", ofSecond.looked, ofSecond.claimed), other: ofFirst)
        let (a, b) = try (EitherCache<String>(first, form, module), EitherCache<String>(second, form, module))
        let (ofA, ofB) = (Database(), Database())
        async let one = a.values(for: ["k1", "k2"]) { ofA.rows($0) }
        async let other = b.values(for: ["k2", "k1"]) { ofB.rows($0) }
        #expect(try await one == rows(["k1", "k2"]))
        #expect(try await other == rows(["k1", "k2"]))
        #expect(ofA.asked == [["k1"]])
        #expect(ofB.asked == [["k2"]])
    }

    @Test(arguments: [StoreKind.redis, .redisWithoutHSETEX], CellForm.allCases)
    func `many keys wanted by two processes in opposite orders are loaded once each`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        let module = freshModule()
        try await withOxbow(kind) { first async throws in
            try await withOxbow(kind) { second async throws in
                let (a, b) = try (EitherCache<String>(first, form, module), EitherCache<String>(second, form, module))
                let database = Database()
                // More than fit into one pipeline.
                let keys = (0..<1200).map { "key-\($0)" }
                async let one = a.values(for: keys) { database.rows($0) }
                async let other = b.values(for: keys.reversed()) { database.rows($0) }
                #expect(try await one == rows(keys))
                #expect(try await other == rows(keys))
                #expect(database.asked.joined().sorted() == keys.sorted())
                check(try await a.values(for: keys) { database.rows($0) }, rows(keys))
                #expect(database.asked.joined().count == keys.count)
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a bulk load whose caller is cancelled goes on for waiters`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database, gate) = try (EitherCache<String>(oxbow, form), Database(), Gate())
            let keys = ["a", "b", "c"]
            let leader = Task {
                try await cache.values(for: keys) { missing in
                    await gate.pass()
                    try Task.checkCancellation()
                    return database.rows(missing)
                }
            }
            await gate.arrival()
            async let waiter = cache.values(for: keys.reversed()) { _ in [:] }
            async let single = cache.value(for: "b") { "not asked for" }
            try await expectEventually { cache.statistics.misses >= 7 }
            // A moment later they have joined.
            try await Task.sleep(for: .milliseconds(50))
            leader.cancel()
            await #expect(throws: CancellationError.self) { try await leader.value }
            gate.open()
            #expect(try await waiter == rows(keys))
            #expect(try await single == "b")
            try await expectEventually { try await cache.stored(keys) == rows(keys) }
            #expect(database.asked.count == 1)
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a cancelled waiter leaves the load alone`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, gate) = try (EitherCache<String>(oxbow, form), Gate())
            async let leader = cache.values(for: ["a", "b"]) { keys in
                await gate.pass()
                return rows(keys)
            }
            await gate.arrival()
            let waiter = Task { try await cache.values(for: ["b", "c"]) { rows($0) } }
            try await expectEventually { try await cache.value(for: "c") == "c" }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            gate.open()
            #expect(try await leader == rows(["a", "b"]))
            #expect(try await cache.stored(["a", "b", "c"]) == rows(["a", "b", "c"]))
        }
    }

    @Test(arguments: Self.servers)
    func `another process's claims are waited for only so long, then loaded past by one call`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        var configuration = patient()
        configuration.waitForLoad = .milliseconds(200)
        let module = freshModule()
        try await withOxbow(kind, cache: configuration) { first async throws in
            try await withOxbow(kind, cache: configuration) { second async throws in
                let (a, b) = try (EitherCache<String>(first, form, module), EitherCache<String>(second, form, module))
                let (database, gate, keys) = (Database("past "), Gate(), ["a", "b", "c"])
                async let slow = a.values(for: keys) { keys in
                    await gate.pass()
                    return rows(keys)
                }
                await gate.arrival()
                let past = try await b.values(for: keys) { database.rows($0) }
                #expect(past == ["a": "past a", "b": "past b", "c": "past c"])
                #expect(database.asked.map { $0.sorted() } == [keys])
                gate.open()
                #expect(try await slow == rows(keys))
                #expect(try await b.stored(keys) == rows(keys))
            }
        }
    }

    /// Rule 4, for a bulk load.
    @Test(arguments: StoreContractTests.cases)
    func `a read that begins after an invalidation does not join an older bulk load`(
        _ kind: StoreKind,
        _ form: CellForm
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (cache, database, gate) = try (EitherCache<String>(oxbow, form), Database("new "), Gate())
            async let early = cache.values(for: ["a", "b"]) { keys in
                await gate.pass()
                return rows(keys)
            }
            await gate.arrival()
            try await cache.invalidate(["a", "b"])
            let late = try await cache.values(for: ["a", "b"]) { database.rows($0) }
            gate.open()
            #expect(late == ["a": "new a", "b": "new b"])
            #expect(try await early == rows(["a", "b"]))
            #expect(try await cache.stored(["a", "b"]) == late)
            #expect(cache.statistics.refusedFills == 2)
        }
    }
}

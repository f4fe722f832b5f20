import Oxbow
import Testing

/// What becomes of the others when a task that loads, waits or writes is cancelled (rule 10 of the cell protocol).
@Suite(.timeLimit(.minutes(1))) struct CancellationTests {
    @Test(arguments: StoreKind.allCases)
    func `a load whose caller is cancelled goes on for a waiter`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            let leader = Task {
                try await cache.value(for: "k") {
                    await gate.pass()
                    try Task.checkCancellation()
                    return "first"
                }
            }
            await gate.arrival()
            async let waiter = cache.value(for: "k") { "second" }
            try await expectEventually { cache.statistics.misses >= 2 }
            // A moment later it has joined.
            try await Task.sleep(for: .milliseconds(50))
            leader.cancel()
            await #expect(throws: CancellationError.self) { try await leader.value }
            gate.open()
            check(try await waiter, "first")
            try await expectEventually { try await cache.value(for: "k") == "first" }
            check(cache.statistics.loads, 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a cancelled waiter leaves the load alone`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            async let leader = cache.value(for: "k") {
                await gate.pass()
                return "v"
            }
            await gate.arrival()
            let waiter = Task { try await cache.value(for: "k") { "w" } }
            try await expectEventually { cache.statistics.misses >= 2 }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            gate.open()
            #expect(try await leader == "v")
        }
    }

    /// A loader need not heed its task's cancellation.
    @Test(arguments: StoreKind.allCases)
    func `who waits for a cancelled leader that loads on is let go in time`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.waitForLoad = .milliseconds(300)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            let leader = Task {
                try await cache.value(for: "k") {
                    await gate.pass()
                    return "late"
                }
            }
            await gate.arrival()
            leader.cancel()
            check(try await cache.value(for: "k") { "own" }, "own")
            gate.open()
            _ = await leader.result
        }
    }

    @Test(arguments: StoreKind.servers)
    func `the claim of a cancelled leader that loads on is renewed, and its value is stored`(
        _ kind: StoreKind
    ) async throws {
        var configuration = patient()
        configuration.claimLife = .milliseconds(600)
        configuration.waitForLoad = .seconds(20)
        let module = freshModule()
        try await withOxbow(kind, cache: configuration) { first async throws in
            try await withOxbow(kind, cache: configuration) { second async throws in
                let (a, b) = try (first.cache(module, of: String.self), second.cache(module, of: String.self))
                let gate = Gate()
                let leader = Task {
                    try await a.value(for: "k") {
                        await gate.pass()
                        return "first"
                    }
                }
                await gate.arrival()
                leader.cancel()
                async let waiter = b.value(for: "k") { "second" }
                // Three lives of a claim.
                try await Task.sleep(for: .milliseconds(1800))
                gate.open()
                await #expect(throws: CancellationError.self) { try await leader.value }
                #expect(try await waiter == "first")
                check(b.statistics.loads, 0)
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a cancelled update that writes on keeps its entry closed`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.claimLife = .milliseconds(300)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            let writer = Task { try await cache.update("k") { await gate.pass() } }
            await gate.arrival()
            writer.cancel()
            // Three lives of a closing.
            for _ in 0..<9 {
                try await Task.sleep(for: .milliseconds(100))
                check(try await cache.value(for: "k") { "older than the write" }, "older than the write")
                check(try await cache.value(for: "k"), nil)
            }
            gate.open()
            _ = await writer.result
            check(try await cache.value(for: "k") { "new" }, "new")
            check(try await cache.value(for: "k"), "new")
        }
    }
}

import Oxbow
import RedisClient
import Testing

/// What one cache does differently from the configuration.
@Suite(.timeLimit(.minutes(1))) struct CacheOptionsTests {
    @Test(arguments: [
        CacheOptions(timeToLive: .zero), CacheOptions(absentTimeToLive: .seconds(-1)), CacheOptions(jitterPercent: 101),
        CacheOptions(softTimeout: .zero), CacheOptions(earlyRefreshFactor: -1), CacheOptions(staleFor: .seconds(-1)),
        CacheOptions(holdOff: .seconds(-1)), CacheOptions(claimLife: .milliseconds(99)),
        CacheOptions(maximumLoad: .zero), CacheOptions(waitForLoad: .zero), CacheOptions(maximumConcurrentLoads: 0),
        CacheOptions(maximumValueBytes: 0), CacheOptions(maximumValueBytes: 512 * 1024 * 1024),
    ])
    func `an option that cannot work is an error`(_ options: CacheOptions) throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        let error = try #require(throws: OxbowError.self) { try oxbow.cache("a", of: String.self, options: options) }
        #expect(error.code == .invalidArgument)
    }

    @Test(arguments: StoreKind.allCases, [true, false])
    func `one cache may hold off where others do not, and the other way round`(
        _ kind: StoreKind,
        _ isOptional: Bool
    ) async throws {
        var configuration = patient()
        configuration.holdOff = isOptional ? nil : .seconds(50)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            for holdsOff in [true, false] {
                var options = CacheOptions()
                if holdsOff == isOptional { options.holdOff = holdsOff ? .seconds(50) : .zero }
                let plain = try oxbow.cache(freshModule("plain"), of: String.self, options: options)
                let grouped = try oxbow.groupedCache(freshModule("grouped"), of: String.self, options: options)
                try await plain.invalidate("k")
                try await grouped.invalidate(group: "g")
                check(try await plain.value(for: "k") { "v" }, "v")
                check(try await grouped.value(for: "k", in: "g") { "v" }, "v")
                check(try await plain.contains("k"), !holdsOff)
                check(try await grouped.contains("k", in: "g"), !holdsOff)
            }
        }
    }

    @Test func `a claim has the TTL of its cache, and is renewed for as long as its cache says`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let client = try #require(oxbow.client)
            let module = freshModule()
            let options = CacheOptions(claimLife: .milliseconds(300), maximumLoad: .milliseconds(1))
            let cache = try oxbow.cache(module, of: String.self, options: options)
            let gate = Gate()
            async let value = cache.value(for: "k") {
                await gate.pass()
                return "v"
            }
            await gate.arrival()
            let key = "ox-cache:\(module):1:k"
            // The claim of another cache lasts for 5 s, and is renewed for a minute.
            let rest = try await client.execute(RawCommand("PTTL", key, returning: Int.self))
            #expect(rest <= 300)
            try await expectEventually { try await client.execute(EXISTS([key])) == 0 }
            gate.open()
            check(try await value, "v")
            check(cache.statistics.refusedFills, 1)
        }
    }

    @Test func `a caller waits for another's load for as long as its cache says`() async throws {
        let module = freshModule()
        let options = CacheOptions(waitForLoad: .milliseconds(100))
        try await withOxbow(.redis) { first async throws in
            try await withOxbow(.redis) { second async throws in
                let (slow, hasty) = try (
                    first.cache(module, of: String.self), second.cache(module, of: String.self, options: options)
                )
                let gate = Gate()
                async let value = slow.value(for: "k") {
                    await gate.pass()
                    return "slow"
                }
                await gate.arrival()
                let start = ContinuousClock.now
                check(try await hasty.value(for: "k") { "own" }, "own")
                #expect(start.duration(to: .now) < .seconds(5), "other caches wait for 10 s")
                gate.open()
                #expect(try await value == "slow")
            }
        }
    }

    @Test func `as many loads run at once without the store as the cache says`() async throws {
        let oxbow = Oxbow(CacheConfiguration(), store: BrokenStore(), logger: silent)
        let options = CacheOptions(waitForLoad: .milliseconds(50), maximumConcurrentLoads: 1)
        let cache = try oxbow.cache("a", of: String.self, options: options)
        let gate = Gate()
        async let first = cache.value(for: "1") {
            await gate.pass()
            return "v"
        }
        await gate.arrival()
        let start = ContinuousClock.now
        let error = await #expect(throws: OxbowError.self) { try await cache.value(for: "2") { "v" } }
        #expect(error?.code == .tooManyLoads)
        #expect(start.duration(to: .now) < .seconds(5), "other caches wait for 10 s")
        gate.open()
        #expect(try await first == "v")
    }

    @Test(arguments: StoreKind.allCases)
    func `a cache has a largest value of its own, below or above the configured one`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.maximumValueBytes = 100
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            for (limit, bytes, fits) in [(nil, 101, false), (10, 11, false), (10, 10, true), (1000, 1000, true)] {
                let options = CacheOptions(maximumValueBytes: limit)
                let cache = try oxbow.cache(freshModule(), of: String.self, options: options)
                let text = String(repeating: "x", count: bytes)
                check(try await cache.value(for: "k") { text }, text)
                check(try await cache.value(for: "k"), fits ? text : nil)
            }
        }
    }

    @Test(arguments: [true, false])
    func `a cache may be outside of request scopes, or the only one inside`(_ isRemembered: Bool) async throws {
        var configuration = patient()
        configuration.usesRequestScope = !isRemembered
        try await withOxbow(.memory, cache: configuration) { oxbow async throws in
            let options = CacheOptions(usesRequestScope: isRemembered)
            let cache = try oxbow.cache(freshModule(), of: String.self, options: options)
            let other = try oxbow.cache(freshModule("other"), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                for _ in 0..<3 {
                    _ = try await cache.value(for: "k") { "v" }
                    _ = try await other.value(for: "k") { "v" }
                }
            }
            check(cache.statistics.scopeHits, isRemembered ? 2 : 0)
            check(other.statistics.scopeHits, isRemembered ? 0 : 2)
        }
    }

    // MARK: Known absence

    @Test(arguments: StoreKind.allCases)
    func `known absence is not stored where its TTL is 0`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let options = CacheOptions(absentTimeToLive: .zero)
            let cache = try oxbow.cache(freshModule(), of: String.self, options: options)
            let loads = Counter()
            for number in 1...3 {
                let value = try await cache.value(for: "k") { () async throws -> String? in
                    _ = loads.increment()
                    return nil
                }
                #expect(value == nil)
                check(loads.value, number)
                check(try await cache.remainingTimeToLive(for: "k"), nil)
            }
            // The claims were given back: nothing waits for them.
            check(try await cache.values(for: ["k", "l"]) { _ in ["l": "v"] }, ["l": "v"])
            check(try await cache.value(for: "k") { "v" }, "v")
            check(cache.statistics.failedFills, 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a value that is found absent when it is loaded again is removed`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let options = CacheOptions(
                timeToLive: .milliseconds(100),
                absentTimeToLive: .zero,
                jitterPercent: 0,
                staleFor: .seconds(50)
            )
            let cache = try oxbow.cache(freshModule(), of: String.self, options: options)
            check(try await cache.value(for: "k") { "v" }, "v")
            try await expectEventually {
                try await cache.value(for: "k") { () async throws -> String? in nil } == nil
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a caller's shorter TTL bounds that of a known absence`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let absent = { @Sendable () async throws -> String? in nil }
            _ = try await cache.value(for: "short", timeToLive: .seconds(5), orLoad: absent)
            _ = try await cache.value(for: "long", timeToLive: .seconds(5000), orLoad: absent)
            _ = try await cache.values(for: ["bulk"], timeToLive: .seconds(5)) { _ in [:] }
            for (key, range) in [("short", 1.0...5.0), ("bulk", 1.0...5.0), ("long", 50.0...60.0)] {
                let rest = try #require(try await cache.remainingTimeToLive(for: key))
                #expect(range.contains(rest / .seconds(1)), "\(key): \(rest)")
            }
        }
    }
}

import Oxbow
import OxbowTesting
import Testing

/// What users' unit tests do with an instance in memory.
@Suite(.timeLimit(.minutes(1))) struct InMemoryTests {
    @Test func `a caller gets an old value at once, and the load runs in the background`() async throws {
        var configuration = CacheConfiguration()
        configuration.staleFor = .seconds(50)
        configuration.jitterPercent = 0
        let clock = ManualClock()
        let oxbow = try Oxbow(inMemory: configuration, now: { clock.now }, logger: silent)
        try await oxbow.withRunning {
            let cache = try oxbow.cache("a", of: String.self, options: CacheOptions(timeToLive: .seconds(10)))
            check(try await cache.value(for: "k") { "old" }, "old")
            clock.advance(by: .seconds(11))
            let gate = Gate()
            for _ in 0..<3 {
                // With the load in the caller's task this would wait for ever.
                let value = try await cache.value(for: "k") {
                    await gate.pass()
                    return "new"
                }
                #expect(value == "old")
            }
            await gate.arrival()
            gate.open()
            try await expectEventually { try await cache.value(for: "k") == "new" }
        }
        // The second call has no work left to do, and ends with its body.
        let cache = try oxbow.cache("a", of: String.self)
        check(try await oxbow.withRunning { try await cache.value(for: "k") }, "new")
    }

    @Test func `entries, maps and limits follow the clock of the test`() async throws {
        let clock = ManualClock()
        var configuration = CacheConfiguration()
        configuration.jitterPercent = 0
        let oxbow = try Oxbow(inMemory: configuration, now: { clock.now }, logger: silent)
        let plain = try oxbow.cache("a", of: String.self, options: CacheOptions(timeToLive: .seconds(3600)))
        let grouped = try oxbow.groupedCache("b", of: String.self, options: CacheOptions(timeToLive: .seconds(3600)))
        let map = try oxbow.map("m", of: String.self, timeToLive: .seconds(3600))
        let limiter = try oxbow.rateLimiter("l", permits: 1, per: .seconds(3600))
        try await plain.set("v", for: "k")
        try await grouped.set("v", for: "k", in: "g")
        _ = try await map.put("v", for: "k")
        #expect(try await limiter.acquire("k").isAllowed)

        clock.advance(by: .seconds(3599))
        check(try await plain.remainingTimeToLive(for: "k"), .seconds(1))
        check(try await grouped.value(for: "k", in: "g"), "v")
        check(try await map.value(for: "k"), "v")
        #expect(try await !limiter.acquire("k").isAllowed)

        clock.advance(by: .seconds(2))
        check(try await plain.value(for: "k"), nil)
        check(try await grouped.value(for: "k", in: "g"), nil)
        check(try await map.value(for: "k"), nil)
        #expect(try await limiter.acquire("k").isAllowed)
    }
}

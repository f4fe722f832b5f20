import Oxbow
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

/// What a rate limiter does, on every store.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterTests {
    @Test(arguments: StoreKind.allCases)
    func `a sliding log gives its permits once in a window, and says when there will be more`(
        _ kind: StoreKind
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let limiter = try oxbow.rateLimiter(freshModule("log"), permits: 5, per: .milliseconds(600))
            for left in [4, 3] {
                let expected = RateLimitDecision(isAllowed: true, remaining: left, retryAfter: .zero)
                check(try await limiter.acquire("k"), expected)
            }
            let start = ContinuousClock.now
            check(try await limiter.acquire("k", permits: 3).remaining, 0)
            let denied = try await limiter.acquire("k")
            check(denied.isAllowed, false)
            check(denied.remaining, 0)
            let wait = try #require(denied.retryAfter)
            #expect(wait > .zero && wait <= .milliseconds(600))
            // All or none; somebody else's are not touched.
            check(try await limiter.acquire("other").isAllowed, true)
            try await Task.sleep(for: wait + .milliseconds(2))
            check(try await limiter.acquire("k").isAllowed, true)
            // Three were taken later than the first one: not all five are back.
            if start.duration(to: .now) < .milliseconds(590) {
                check(try await limiter.acquire("k", permits: 5).isAllowed, false)
            }
            // More than there ever are.
            check(
                try await limiter.acquire("k", permits: 6),
                RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: nil)
            )
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a rate gives a burst, then one permit after the other`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            // One each 100 ms.
            let limiter = try oxbow.rateLimiter(
                freshModule("rate"),
                permits: 10,
                per: .seconds(1),
                algorithm: .gcra(burst: 3)
            )
            check(try await limiter.acquire("k", permits: 2).isAllowed, true)
            check(try await limiter.acquire("k").isAllowed, true)
            let denied = try await limiter.acquire("k", permits: 2)
            check(denied.isAllowed, false)
            let wait = try #require(denied.retryAfter)
            #expect(wait > .milliseconds(100) && wait <= .milliseconds(200))
            try await Task.sleep(for: wait + .milliseconds(2))
            check(try await limiter.acquire("k", permits: 2).isAllowed, true)
            check(try await limiter.acquire("k", permits: 4).retryAfter, nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `at once as many are given as there are, by either rule`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            for algorithm in [RateLimiter.Algorithm.slidingLog, .gcra(burst: 20)] {
                let limiter = try oxbow.rateLimiter(freshModule(), permits: 20, per: .seconds(60), algorithm: algorithm)
                let given = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<100 { group.addTask { try await limiter.acquire("k").isAllowed } }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                check(given, 20)
            }
        }
    }

    /// The limit, while four callers ask all the time: in no window of its length more permits than the rule's bound.
    @Test(arguments: StoreKind.servers, [RateLimiter.Algorithm.slidingLog, .gcra(burst: 15)])
    func `no window has more than the bound`(_ kind: StoreKind, _ algorithm: RateLimiter.Algorithm) async throws {
        let (limit, period) = (30, Duration.milliseconds(300))
        let bound = algorithm == .slidingLog ? limit : limit + 15
        try await withOxbow(kind) { oxbow async throws in
            let limiter = try oxbow.rateLimiter(freshModule(), permits: limit, per: period, algorithm: algorithm)
            let end = ContinuousClock.now + .seconds(2)
            // Before it was asked for and after it was given: the server's moment lies between them.
            let given = try await withThrowingTaskGroup(of: [(ContinuousClock.Instant, ContinuousClock.Instant)].self) {
                group in
                for _ in 0..<4 {
                    group.addTask {
                        var given: [(ContinuousClock.Instant, ContinuousClock.Instant)] = []
                        while ContinuousClock.now < end {
                            let before = ContinuousClock.now
                            if try await limiter.acquire("k").isAllowed { given.append((before, .now)) }
                        }
                        return given
                    }
                }
                return try await group.reduce([], +)
            }
            // What lies certainly within a window.
            for (start, _) in given {
                let count = given.count { $0.0 >= start && $0.1 < start + period }
                #expect(count <= bound, "\(count) in one window")
            }
            #expect(given.count >= limit * 5, "\(given.count) in 2 s: some are given all the time")
        }
    }

    @Test(arguments: StoreKind.servers)
    func `every key has an end and stays in its family, whatever it is called`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (client, name) = (try #require(oxbow.client), freshModule("ends"))
            for algorithm in [RateLimiter.Algorithm.slidingLog, .gcra(burst: 2)] {
                let limiter = try oxbow.rateLimiter(name, permits: 2, per: .seconds(60), algorithm: algorithm)
                for key in KeyEncodingTests.nasty where key.utf8.count < 1000 {
                    check(try await limiter.acquire(key).isAllowed, true)
                }
            }
            var found = 0
            for try await key in client.scan(matching: "*\(name)*", count: 1000) {
                found += 1
                #expect(key.utf8.starts(with: "ox-map:%".utf8))
                guard case .remaining = try await client.execute(PTTL(key)) else {
                    Issue.record("\(key) has no end")
                    continue
                }
            }
            check(found, 2 * (KeyEncodingTests.nasty.count - 1))
            // No map sees them.
            check(try await oxbow.map(name, of: String.self, timeToLive: .seconds(1)).count(), 0)
        }
    }

    @Test func `a flush or an eviction gives back no more than all permits, and a server that is away is an error`()
        async throws
    {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.commandTimeout = .milliseconds(300)
        try await withOxbow(configuration) { oxbow async throws in
            let limiter = try oxbow.rateLimiter("a", permits: 2, per: .seconds(60))
            for isAllowed in [true, true, false] { check(try await limiter.acquire("k").isAllowed, isAllowed) }
            try server.cli("flushall")
            for isAllowed in [true, true, false] { check(try await limiter.acquire("k").isAllowed, isAllowed) }
            server.pause()
            defer { server.resume() }
            let error = await #expect(throws: OxbowError.self) { try await limiter.acquire("k") }
            check(error?.code, .unavailable)
            check(error?.delivery, .unknown)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a clock that was set back gives nothing too early, and says how long it takes`(_ kind: StoreKind) async throws
    {
        try await withOxbow(kind) { oxbow async throws in
            let (client, name) = (try #require(oxbow.client), freshModule("back"))
            let limiter = try oxbow.rateLimiter(name, permits: 2, per: .seconds(60))
            check(try await limiter.acquire("k").isAllowed, true)
            var keys: [String] = []
            for try await key in client.scan(matching: "*\(name)*", count: 1000) { keys.append("\(key)") }
            let key = try #require(keys.first)
            // As if the clock had been an hour ahead, and set back before the second one.
            let times = try await client.execute(RawCommand("LRANGE", key, 0, -1, returning: [Int].self))
            let ahead = try #require(times.first) + 3_600_000_000
            _ = try await client.execute(RawCommand("DEL", key, returning: Int.self))
            _ = try await client.execute(RawCommand("RPUSH", key, ahead, returning: Int.self))
            _ = try await client.execute(RawCommand("EXPIRE", key, 3660, returning: Int.self))
            let full = try await limiter.acquire("k", permits: 2)
            check(full.isAllowed, false)
            let long = try #require(full.retryAfter)
            #expect(long > .seconds(3600) && long <= .seconds(3660), "\(long)")
            check(try await limiter.acquire("k").isAllowed, true)
            let denied = try await limiter.acquire("k")
            check(denied.isAllowed, false)
            let wait = try #require(denied.retryAfter)
            // All end with the key, a minute behind the last one.
            #expect(wait > .seconds(50) && wait <= .milliseconds(60_001), "\(wait)")
        }
    }

    @Test func `a limiter and a call with a wrong argument are refused, and name what is possible`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            func refused(
                _ name: String = "a",
                _ permits: Int = 1,
                _ period: Duration = .seconds(1),
                _ algorithm: RateLimiter.Algorithm = .slidingLog
            ) -> OxbowError? {
                #expect(throws: OxbowError.self) {
                    try oxbow.rateLimiter(name, permits: permits, per: period, algorithm: algorithm)
                }
            }
            let errors = [
                refused(""), refused("a", 0), refused("a", 10_001), refused("a", 1, .zero),
                refused("a", 1, .seconds(Int64.max)),
                refused("a", 1, .seconds(1), .gcra(burst: 0)), refused("a", 1, .seconds(1), .gcra(burst: .max)),
                refused("a", 1001, .milliseconds(1), .gcra(burst: 1)),
            ]
            for error in errors { check(error?.code, .invalidArgument) }
            check(errors[2]?.message.contains("use gcra"), true)
            let limiter = try oxbow.rateLimiter("a", permits: 10_000, per: .seconds(1))
            for permits in [0, -1, .min] {
                let error = await #expect(throws: OxbowError.self) { try await limiter.acquire("k", permits: permits) }
                check(error?.code, .invalidArgument)
            }
            check(try await limiter.acquire("k", permits: 10_000).isAllowed, true)
        }
    }
}

import Oxbow
import RESP
import RedisClient
import Seeded
import TestServers
import Testing

/// The scripts that decide about permits: by the rules of the store in memory, and by few commands.
@Suite(.timeLimit(.minutes(2))) struct PermitScriptTests {
    private let clock = "local now = tonumber(ARGV[4])\n"

    @Test(arguments: StoreKind.servers, 0..<4)
    func `a server decides as the store in memory does`(_ kind: StoreKind, _ seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let (log, rate) = (
            Script(PermitScripts.slidingLog(clock: self.clock)), Script(PermitScripts.gcra(clock: self.clock))
        )
        try await withOxbow(kind) { oxbow async throws in
            let client = try #require(oxbow.client)
            for round in 0..<10 {
                let key = CellName(encoded: "\(freshModule("decide")):\(round)")
                let limit = [1, 2, 7, 100, 10_000][Int.random(in: 0..<5, using: &random)]
                // So long that no key ends by the server's own clock during the test.
                let unit = 600_000_000
                let (window, interval) = (unit * 10, unit)
                let usesLog = round % 2 == 0
                let rule: PermitRule =
                    usesLog
                    ? .slidingLog(limit: limit, microseconds: window) : .gcra(interval: Double(interval), burst: limit)
                var state = PermitState()
                var now = 1_700_000_000_000_000
                for step in 0..<100 {
                    // Mostly forward, now and then not at all, far, or back.
                    let passed =
                        switch Int.random(in: 0..<20, using: &random) {
                        case 0: -Int.random(in: 0..<window / 20, using: &random)
                        case 1: window
                        case 2...5: 0
                        default: Int.random(in: 0..<window / 10, using: &random)
                        }
                    now += passed
                    let most = Bool.random(using: &random) ? 1 : limit
                    let permits = Int.random(in: 1...most, using: &random)
                    let answer =
                        usesLog
                        ? try await client.execute(
                            ScriptCall(
                                log,
                                keys: (key),
                                arguments: (limit, window, permits, now),
                                returning: [Int].self
                            )
                        )
                        : try await client.execute(
                            ScriptCall(
                                rate,
                                keys: (key),
                                arguments: (interval, limit, permits, now),
                                returning: [Int].self
                            )
                        )
                    let expected = state.take(permits, by: rule, at: Double(now))
                    let found = RateLimitDecision(
                        isAllowed: answer[0] == 1,
                        remaining: answer[1],
                        retryAfter: .microseconds(answer[2])
                    )
                    #expect(found == expected, "round \(round), step \(step), \(rule), \(permits) permits at \(now)")
                    _ = try await client.execute(PEXPIRE(key, .seconds(86_400)))
                }
                _ = try await client.execute(UNLINK([key]))
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a call of any number of permits is a bounded number of commands`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            let client = try #require(oxbow.client)
            let script = Script(PermitScripts.slidingLog(clock: self.clock))
            func take(_ permits: Int, at now: Int) async throws -> [Int] {
                try server.cli("config", "resetstat")
                return try await client.execute(
                    ScriptCall(
                        script,
                        keys: ("k"),
                        arguments: (10_000, 1_000_000_000, permits, now),
                        returning: [Int].self
                    )
                )
            }
            func calls(_ command: String) throws -> Int {
                let lines = try server.cli("info", "commandstats").split(whereSeparator: \.isNewline)
                guard let line = lines.first(where: { $0.hasPrefix("cmdstat_\(command):calls=") }) else { return 0 }
                return try #require(Int(line.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }))
            }
            check(try await take(4000, at: 1_000_000_000), [1, 6000, 0])
            check(try calls("rpush"), 1)
            for index in 0..<6 { check(try await take(1000, at: 1_500_000_000 + index)[0], 1) }
            check(try await take(1, at: 1_600_000_000), [0, 0, 400_000_000])
            #expect(try calls("lindex") <= 4)
            // 4000 have ended.
            check(try await take(1, at: 2_000_000_000), [1, 3999, 0])
            check(try calls("ltrim"), 1)
            check(try calls("lpop"), 0)
            #expect(try calls("lindex") <= 30)
            check(try calls("rpush"), 1)
            // All have ended.
            check(try await take(10_000, at: 4_000_000_000), [1, 0, 0])
            check(try calls("rpush"), 2)
            #expect(try calls("lindex") <= 2)
            check(try await client.execute(RawCommand("LLEN", "k", returning: Int.self)), 10_000)
        }
    }

    @Test func `the store in memory holds a bounded number of keys, and forgets those that end first`() async throws {
        let (start, milliseconds) = (ContinuousClock.now, Counter())
        let store = MemoryPermitStore(maximumKeys: 100) { start + .milliseconds(milliseconds.value) }
        let rule = PermitRule.slidingLog(limit: 1, microseconds: 60_000_000)
        func take(_ key: Int) async throws -> Bool {
            milliseconds.increment()
            return try await store.take(1, of: CellName(encoded: "\(key)"), by: rule, timeout: nil).isAllowed
        }
        for key in 0..<100 { check(try await take(key), true) }
        check(try await take(0), false)
        // One more, and those that end first are forgotten.
        check(try await take(100), true)
        check(store.count, 91)
        check(try await take(10), false)
        check(try await take(99), false)
        check(try await take(0), true)
        for key in 200..<2000 { check(try await take(key), true) }
        #expect(store.count <= 100)
    }
}

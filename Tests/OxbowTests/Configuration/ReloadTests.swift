import Logging
import Oxbow
import OxbowTesting
import PropertyFiles
import RedisClient
import TestServers
import Testing

/// Settings that are changed while an instance runs.
@Suite(.timeLimit(.minutes(2))) struct ReloadTests {
    private static let redis = "com.openexchange.redis."
    private static let caches = "com.openexchange.cache.v2."

    private func properties(_ port: Int, _ lines: String...) throws -> PropertySet {
        let text = ["\(Self.redis)hosts = 127.0.0.1:\(port)"] + lines
        return try PropertySet(text.joined(separator: "\n"), named: "test.properties")
    }

    @Test func `each property is applied or named, as the catalogue says`() throws {
        var samples: [String: [String]] = [
            "hosts": ["192.0.2.1:1"], "ssl.trustStore": [], "ssl.certificate": [], "ssl.privateKey": [],
            "mode": ["cluster"],
            "starttls": [], "connection.pool.minIdle": ["3"],
        ]
        samples["username"] = []
        for definition in OxbowProperties.catalogue.definitions where definition.withoutEffect == nil {
            let name = definition.key.replacing(Self.redis, with: "").replacing(Self.caches, with: "")
            for value in samples[name] ?? [definition.otherValue] {
                // What some properties need to have an effect.
                let base = [
                    "\(Self.redis)breaker.enabled = true", "\(Self.redis)ssl = true",
                    "\(Self.redis)impendingInvalidation = true",
                ]
                let others = base.filter { !$0.hasPrefix(definition.key + " ") }
                let isSentinel = name.hasPrefix("sentinel.")
                let isCluster = name.hasPrefix("cluster.")
                let mode =
                    isSentinel
                    ? ["\(Self.redis)mode = sentinel", "\(Self.redis)sentinel.password = p"]
                    : isCluster ? ["\(Self.redis)mode = cluster"] : []
                let rest = (others + mode).filter { !$0.hasPrefix(definition.key + " ") }
                let extra = name == "sentinel.username" || name == "username" ? ["\(Self.redis)password = p"] : []
                let before = try PropertySet((rest + extra).joined(separator: "\n"), named: "a")
                let after = try PropertySet(
                    (rest + extra + ["\(definition.key) = \(value)"]).joined(separator: "\n"),
                    named: "b"
                )
                let oxbow = try Oxbow(properties: before, logger: LogRecorder().logger)
                var warnings: [PropertyProblem] = []
                let expected = try OxbowConfiguration(properties: after, warnings: &warnings)
                let outcome = try oxbow.reload(after)
                if definition.isReloadable {
                    check(outcome, ReloadOutcome(applied: [definition.key]))
                    #expect(oxbow.configuration == expected, "\(definition.key)")
                } else {
                    check(outcome, ReloadOutcome(restartNeeded: [definition.key]))
                    #expect(oxbow.configuration != expected, "\(definition.key)")
                }
            }
        }
    }

    @Test func `what needs a restart is named until it is as it was`() throws {
        let oxbow = try Oxbow(properties: try self.properties(1), logger: LogRecorder().logger)
        let hosts = "\(Self.redis)hosts"
        for _ in 0..<2 { check(try oxbow.reload(self.properties(2)), ReloadOutcome(restartNeeded: [hosts])) }
        check(try oxbow.reload(self.properties(1)), ReloadOutcome())
    }

    @Test func `the cache instance's properties count where it has one, and has had one`() async throws {
        let (time, own) = ("\(Self.redis)commandTimeoutMillis", "\(Self.redis)cache.commandTimeoutMillis")
        let enabled = "\(Self.redis)cache.enabled = true"
        let without = try Oxbow(properties: try self.properties(1), logger: LogRecorder().logger)
        check(try without.reload(self.properties(1, "\(own) = 7")), ReloadOutcome())
        check(
            try without.reload(self.properties(1, enabled, "\(own) = 7")),
            ReloadOutcome(restartNeeded: ["\(Self.redis)cache.enabled"])
        )
        let with = try Oxbow(properties: try self.properties(1, enabled), logger: LogRecorder().logger)
        check(try with.reload(self.properties(1, enabled, "\(own) = 7")), ReloadOutcome(applied: [own]))
        check(with.cacheClient?.configuration.commandTimeout, .milliseconds(7))
        check(with.client?.configuration.commandTimeout, .seconds(5))
        check(try with.reload(self.properties(1, enabled, "\(own) = 7", "\(time) = 9")), ReloadOutcome(applied: [time]))
        check(with.cacheClient?.configuration.commandTimeout, .milliseconds(7))
        check(with.client?.configuration.commandTimeout, .milliseconds(9))
        // One bad setting of either leaves both alone.
        var configuration = with.configuration
        configuration.redis.commandTimeout = .milliseconds(11)
        configuration.cacheRedis?.pool.maximumTotal = 0
        #expect(throws: RedisError.self) { try with.reload(configuration) }
        check(with.client?.configuration.commandTimeout, .milliseconds(9))
    }

    @Test func `an update on its way keeps its closing, whatever the claim's life becomes`() async throws {
        try await withOxbow(.redis, cache: patient()) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await cache.update("k") {
                var configuration = oxbow.configuration
                configuration.cache.claimLife = .milliseconds(100)
                try oxbow.reload(configuration)
                // Longer than the new life, and than the pause between renewals under the old one.
                for _ in 0..<30 {
                    check(try await cache.value(for: "k") { "read meanwhile" }, "read meanwhile")
                    check(try await cache.contains("k"), false)
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            check(try await cache.value(for: "k") { "new" }, "new")
        }
    }

    @Test func `times without end are no trap`() async throws {
        for endless in [Duration.nanoseconds(Int64.max), .seconds(Int64.max), .nanoseconds(Int64.max - 100)] {
            var configuration = CacheConfiguration()
            configuration.softTimeout = endless
            let oxbow = Oxbow(configuration, store: MemoryStore(), logger: silent)
            check(try await oxbow.cache("a", of: String.self).value(for: "k") { "v" }, "v")
            #expect(SoftTimeout(endless).duration > .seconds(9_000_000_000 - 1))
        }
        check(SoftTimeout(.milliseconds(1500)).duration, .milliseconds(1500))
        check(SoftTimeout(.seconds(-5)).duration, .zero)
    }

    @Test func `bad properties change nothing`() throws {
        let oxbow = try Oxbow(properties: try self.properties(1), logger: LogRecorder().logger)
        let before = oxbow.configuration
        #expect(throws: PropertyError.self) {
            try oxbow.reload(
                try self.properties(1, "\(Self.redis)commandTimeoutMillis = 7", "\(Self.caches)redis.claimSeconds = x")
            )
        }
        var configuration = before
        configuration.redis.commandTimeout = .milliseconds(7)
        configuration.cache.claimLife = .zero
        #expect(throws: ConfigurationError.self) { try oxbow.reload(configuration) }
        configuration.cache.claimLife = .seconds(1)
        configuration.redis.pool.maximumTotal = 0
        #expect(throws: RedisError.self) { try oxbow.reload(configuration) }
        #expect(oxbow.configuration == before)
    }

    @Test func `an instance configured in code is told the names of settings, and the log names what needs a restart`()
        throws
    {
        let log = LogRecorder()
        let oxbow = try Oxbow(OxbowConfiguration(), logger: log.logger)
        var configuration = oxbow.configuration
        configuration.redis.pool.maximumTotal = 7
        configuration.redis.credentials = RedisCredentials(password: "secret")
        configuration.cache.timeToLive = .seconds(9)
        configuration.cache.keyPrefix = "other"
        configuration.cacheRedis = RedisClientConfiguration()
        let outcome = try oxbow.reload(configuration)
        check(outcome.applied, ["redis.pool", "cache.timeToLive"])
        check(outcome.restartNeeded, ["redis.credentials", "cacheRedis", "cache.keyPrefix"])
        check(log.messages(at: .warning).filter { $0.contains("need a restart") }.count, 1)
        // The same again changes nothing more.
        check(try oxbow.reload(configuration).applied, [])
    }

    @Test(arguments: StoreKind.servers)
    func `lives and freshness hold for what is stored from then on`(_ kind: StoreKind) async throws {
        try await withOxbow(kind, cache: patient()) { oxbow async throws in
            let module = freshModule()
            let cache = try oxbow.cache(module, of: String.self)
            let own = try oxbow.cache(freshModule(), of: String.self, options: CacheOptions(timeToLive: .seconds(500)))
            var configuration = oxbow.configuration
            configuration.cache.timeToLive = .seconds(20)
            configuration.cache.absentTimeToLive = .seconds(10)
            configuration.cache.jitterPercent = 0
            try oxbow.reload(configuration)
            _ = try await cache.value(for: "k") { "v" }
            _ = try await own.value(for: "k") { "v" }
            _ = try await cache.value(for: "none") { () -> String? in nil }
            let life = try #require(try await cache.remainingTimeToLive(for: "k"))
            #expect(life > .seconds(15) && life <= .seconds(20))
            let cell = CellAddress(key: CellName(encoded: "ox-cache:\(module):1:none"))
            let absent = try await oxbow.store.timeToLive(cell)
            #expect(try #require(absent) <= .seconds(10))
            #expect(try #require(try await own.remainingTimeToLive(for: "k")) > .seconds(450))
        }
    }

    @Test func `time-outs and the breaker hold from then on`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let patience = try self.properties(server.port, "\(Self.caches)redis.softTimeoutMillis = 20000")
        let oxbow = try Oxbow(properties: patience, logger: LogRecorder().logger)
        try await oxbow.withRunning {
            let (client, cache) = (try #require(oxbow.client), try oxbow.cache("a", of: String.self))
            _ = try await cache.value(for: "k") { "v" }
            server.pause()
            defer { server.resume() }
            try oxbow.reload(
                self.properties(
                    server.port,
                    "\(Self.caches)redis.softTimeoutMillis = 300",
                    "\(Self.redis)commandTimeoutMillis = 200",
                    "\(Self.redis)breaker.enabled = true",
                    "\(Self.redis)breaker.failureThreshold = 3"
                )
            )
            let start = ContinuousClock.now
            check(try await cache.value(for: "k") { "loaded" }, "loaded")
            #expect(start.duration(to: .now) < .seconds(2))
            for _ in 0..<2 {
                let error = await #expect(throws: RedisError.self) {
                    try await client.execute(GET("k", as: String.self))
                }
                // The connection is given up after as long.
                #expect([.timeout, .cannotConnect, .connectionClosed].contains(error?.code))
            }
            let denied = await #expect(throws: RedisError.self) { try await client.execute(GET("k", as: String.self)) }
            check(denied?.code, .circuitOpen)
            try oxbow.reload(self.properties(server.port))
            check(await oxbow.health().main?.breaker, nil)
            server.resume()
            #expect(try await client.execute(GET("k", as: String.self)) == nil)
        }
    }

    @Test func `a larger pool lets those in who wait, a smaller one closes what is idle`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let few = try self.properties(server.port, "\(Self.redis)connection.pool.maxTotal = 2")
        let oxbow = try Oxbow(properties: few, logger: LogRecorder().logger)
        try await oxbow.withRunning {
            let client = try #require(oxbow.client)
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask { try await client.withConnection { _ in await gate.pass() } }
                }
                await gate.arrival()
                try await expectEventually { client.poolStatistics.waiters == 2 }
                try oxbow.reload(self.properties(server.port, "\(Self.redis)connection.pool.maxTotal = 9"))
                await gate.arrival(3)
                gate.open()
                try await group.waitForAll()
            }
            try await expectEventually { client.poolStatistics.idle == 3 }
            try oxbow.reload(self.properties(server.port, "\(Self.redis)connection.pool.maxIdle = 1"))
            check(client.poolStatistics.idle, 1)
        }
    }
}

extension PropertyDefinition {
    /// A value that is allowed and not the default.
    fileprivate var otherValue: String {
        switch self.kind {
        case .boolean: self.default == "true" ? "false" : "true"
        case .integer(let range), .milliseconds(let range), .seconds(let range), .bytes(let range):
            self.default == "\(range.lowerBound + 6)" ? "\(range.lowerBound + 7)" : "\(range.lowerBound + 6)"
        case .decimal: "0.5"
        case .string: "other"
        case .list: "a,b"
        case .enumeration(let words): words.last { $0 != self.default } ?? ""
        }
    }
}

import Oxbow
import PropertyFiles
import RedisClient
import Testing

/// What the separate instance for caches takes over from the main one: each property by itself.
@Suite struct CacheInstanceFallbackTests {
    private static let main = "com.openexchange.redis."
    private static let cache = "com.openexchange.redis.cache."

    /// Two instances under sentinels with TLS, the second with nothing of its own, and what a test sets besides.
    private func read(_ main: [String: String] = [:], cache: [String: String] = [:]) throws -> OxbowConfiguration {
        let base = [
            "mode": "sentinel", "hosts": "s", "ssl": "true", "cache.enabled": "true", "password": "p",
            "ssl.certificate": "c", "ssl.privateKey": "k", "sentinel.password": "p",
        ]
        let lines =
            base.merging(main) { $1 }.map { "\(Self.main)\($0) = \($1)" } + cache.map { "\(Self.cache)\($0) = \($1)" }
        var warnings: [PropertyProblem] = []
        let properties = try PropertySet(lines.joined(separator: "\n"), named: "test.properties")
        let configuration = try OxbowConfiguration(properties: properties, warnings: &warnings)
        #expect(warnings.filter { $0.code != .ignored }.isEmpty, "\(warnings)")
        return configuration
    }

    @Test(arguments: [
        ("hosts", "a", "b:7,c"), ("readFrom", "replica", "replicaPreferred"), ("database", "1", "2"),
        ("sentinel.masterId", "a", "b"), ("sentinel.username", "a", "b"), ("sentinel.password", "a", "b"),
        ("sentinel.password", "a", ""), ("username", "a", "b"), ("password", "a", "b"), ("password", "a", ""),
        ("ssl", "false", "true"), ("ssl.trustStore", "a", "b"), ("ssl.trustStore", "a", ""),
        ("ssl.certificate", "a", "b"), ("ssl.privateKey", "a", "b"), ("ssl.serverName", "a", "b"),
        ("commandTimeoutMillis", "1", "2"), ("connectTimeoutMillis", "1", "2"),
        ("connection.pool.maxTotal", "1", "2"), ("connection.pool.maxIdle", "1", "2"),
        ("connection.pool.minIdle", "1", "2"), ("connection.pool.maxWaitSeconds", "1", "2"),
        ("connection.pool.minIdleSeconds", "1", "2"), ("connection.pool.cleanerRunSeconds", "1", "2"),
    ])
    func `it is taken over where it is not set, and nothing but it is another where it is`(
        _ name: String,
        _ value: String,
        _ other: String
    ) throws {
        // Without TLS, its files would be worth a warning.
        let files = name == "ssl" ? ["ssl.certificate": "", "ssl.privateKey": ""] : [:]
        func with(_ value: String) -> [String: String] { files.merging([name: value]) { $1 } }
        let (one, two) = (try self.read(with(value)), try self.read(with(other)))
        #expect(one.redis != two.redis, "or this shows nothing")
        #expect(one.cacheRedis == self.asCacheInstance(one.redis))
        #expect(two.cacheRedis == self.asCacheInstance(two.redis))
        let apart = try self.read(with(value), cache: [name: other])
        #expect(apart.redis == one.redis)
        #expect(apart.cacheRedis == two.cacheRedis)
    }

    /// The same with the names that its metrics have.
    private func asCacheInstance(_ redis: RedisClientConfiguration) -> RedisClientConfiguration {
        var redis = redis
        redis.metricsPrefix = "appsuite_redis_cache"
        redis.poolName = "redis-cache-pool"
        return redis
    }

    @Test(
        arguments: [
            ([:], "mymaster", nil),
            (["sentinel.masterId": "own"], "own", nil),
            (["sentinel.masterId": "own", "sentinel.username": "u", "sentinel.password": "s"], "own", "s"),
        ] as [([String: String], String, String?)]
    )
    func `it may be under sentinels where the main one is not`(
        _ own: [String: String],
        _ master: String,
        _ password: String?
    ) throws {
        let main = ["mode": "standalone", "hosts": "m:1", "sentinel.password": ""]
        let mode = ["mode": "sentinel", "hosts": "s1, s2:7000"]
        let configuration = try self.read(main, cache: mode.merging(own) { $1 })
        var sentinel = SentinelConfiguration([.host("s1", port: 26_379), .host("s2", port: 7000)])
        sentinel.masterName = master
        sentinel.credentials = password.map { RedisCredentials(username: own["sentinel.username"], password: $0) }
        #expect(configuration.redis.topology == .standalone && configuration.redis.address == .host("m", port: 1))
        #expect(configuration.cacheRedis?.topology == .sentinel(sentinel))
        #expect(configuration.cacheRedis?.credentials == configuration.redis.credentials)
    }

    /// Those without an effect in this version, too.
    @Test func `the texts of all properties fall back one at a time`() throws {
        let templates = OxbowProperties.catalogue.definitions.filter(\.hasVariants)
        #expect(templates.filter { $0.key.contains(".breaker.") }.count == 7)
        for template in templates {
            let name = String(template.key.dropFirst(Self.main.count))
            func texts(_ lines: String...) throws -> [String] {
                let properties = try PropertySet(lines.joined(separator: "\n"), named: "test.properties")
                var reader = PropertyReader(properties, OxbowProperties.catalogue)
                reader.addVariants([Self.cache], of: Self.main)
                return [[Self.main], [Self.cache, Self.main]].map { reader.scoped(to: $0) { $0.value(of: name).text } }
            }
            let (main, own) = ("\(Self.main)\(name) = main", "\(Self.cache)\(name) = own")
            #expect(try texts() == [template.default, template.default])
            #expect(try texts(main) == ["main", "main"])
            #expect(try texts(main, own) == ["main", "own"])
            #expect(try texts(own) == [template.default, "own"])
        }
    }

    @Test func `what has no effect is told under the name that it was set by`() throws {
        for prefix in [Self.main, Self.cache] {
            let text = """
                \(Self.main)cache.enabled = true
                \(Self.main)hosts = h
                \(prefix)lettuceCommandLatencyMetrics = false
                """
            var warnings: [PropertyProblem] = []
            let properties = try PropertySet(text, named: "test.properties")
            _ = try OxbowConfiguration(properties: properties, warnings: &warnings)
            #expect(warnings.map(\.property) == ["\(prefix)lettuceCommandLatencyMetrics"])
        }
    }
}

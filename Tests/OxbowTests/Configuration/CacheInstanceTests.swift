import Foundation
import Logging
import Oxbow
import PropertyFiles
import RedisClient
import ServiceLifecycle
import TestServers
import Testing

/// The separate instance for the data of caches: how it is configured, and that caches and nobody else use it.
@Suite struct CacheInstanceTests {
    private func configuration(
        _ text: String,
        environment: [String: String] = [:]
    ) throws -> (OxbowConfiguration, [PropertyProblem]) {
        var warnings: [PropertyProblem] = []
        let properties = try PropertySet(text, named: "test.properties", environment: environment)
        return (try OxbowConfiguration(properties: properties, warnings: &warnings), warnings)
    }

    private func problems(_ text: String) -> [PropertyProblem] {
        do {
            _ = try self.configuration(text)
            return []
        } catch {
            return (error as? PropertyError)?.problems ?? []
        }
    }

    // MARK: Properties

    @Test func `what is not set for it is as for the main instance, one property at a time`() throws {
        let (configuration, warnings) = try configuration(
            """
            com.openexchange.redis.hosts = main:1
            com.openexchange.redis.username = app
            com.openexchange.redis.password = secret
            com.openexchange.redis.database = 3
            com.openexchange.redis.commandTimeoutMillis = 1500
            com.openexchange.redis.connection.pool.maxTotal = 12
            com.openexchange.redis.connection.pool.maxIdle = 8
            com.openexchange.redis.compressionType = deflate
            com.openexchange.redis.minimumCompressionSize = 1000
            com.openexchange.redis.cache.enabled = true
            com.openexchange.redis.cache.hosts = cache:2
            com.openexchange.redis.cache.username =
            com.openexchange.redis.cache.password =
            com.openexchange.redis.cache.connection.pool.maxTotal = 200
            com.openexchange.redis.cache.minimumCompressionSize = 10
            """,
            environment: ["COM_OPENEXCHANGE_REDIS_CACHE_CONNECTTIMEOUTMILLIS": "70"]
        )
        #expect(warnings.isEmpty)
        var expected = configuration.redis
        expected.address = .host("cache", port: 2)
        expected.credentials = nil
        expected.connectTimeout = .milliseconds(70)
        expected.pool.maximumTotal = 200
        expected.metricsPrefix = "appsuite_redis_cache"
        expected.poolName = "redis-cache-pool"
        #expect(configuration.cacheRedis == expected)
        #expect(expected.database == 3 && expected.pool.maximumIdle == 8 && expected.requiredRole == .master)
        #expect(expected.commandTimeout == .milliseconds(1500))
        #expect(configuration.redis.address == .host("main", port: 1))
        #expect(configuration.redis.metricsPrefix == "appsuite_redis" && configuration.redis.poolName == "redis-pool")
        #expect(configuration.cache.compression.type == .deflate)
        #expect(configuration.cache.compression.minimumBytes == 10)
    }

    @Test func `it has a mode of its own`() throws {
        let (configuration, warnings) = try configuration(
            """
            com.openexchange.redis.mode = sentinel
            com.openexchange.redis.hosts = s
            com.openexchange.redis.sentinel.masterId = main
            com.openexchange.redis.cache.enabled = true
            com.openexchange.redis.cache.mode = cluster
            com.openexchange.redis.cache.hosts = redis-1:6301,redis-2:6302,redis-3:6303
            com.openexchange.redis.cache.cluster.periodicTopologyRefreshMillis = 60000
            """
        )
        #expect(warnings.isEmpty, "what the cluster takes over from the main instance is no warning")
        var sentinel = SentinelConfiguration([.host("s", port: 26_379)])
        sentinel.masterName = "main"
        #expect(configuration.redis.topology == .sentinel(sentinel))
        let seeds = (1...3).map { RedisAddress.host("redis-\($0)", port: 6300 + $0) }
        var cluster = ClusterConfiguration(seeds)
        cluster.refreshInterval = .seconds(60)
        #expect(configuration.cacheRedis?.topology == .cluster(cluster))
    }

    @Test func `hosts taken over into another mode are a warning`() throws {
        let text = """
            com.openexchange.redis.hosts = main:1
            com.openexchange.redis.cache.enabled = true
            com.openexchange.redis.cache.mode = cluster
            """
        let (configuration, warnings) = try configuration(text)
        #expect(configuration.cacheRedis?.topology == .cluster(ClusterConfiguration([.host("main", port: 1)])))
        #expect(warnings.map(\.property) == ["com.openexchange.redis.cache.mode"])
        #expect(warnings.first?.message.contains("cache.hosts is not set") == true)
    }

    @Test func `a value that the main instance may have and this one may not names both`() {
        let problems = problems(
            """
            com.openexchange.redis.database = 3
            com.openexchange.redis.cache.enabled = true
            com.openexchange.redis.cache.mode = cluster
            com.openexchange.redis.cache.hosts = c
            """
        )
        #expect(problems.map(\.property) == ["com.openexchange.redis.database"])
        #expect(problems.first?.source.line == 1)
        #expect(problems.first?.message.contains("stands for com.openexchange.redis.cache.database too") == true)
    }

    @Test func `what is wrong for both is one problem, what is wrong for this one names its property`() {
        let problems = problems(
            """
            com.openexchange.redis.username = app
            com.openexchange.redis.commandTimeoutMillis = soon
            com.openexchange.redis.cache.enabled = true
            com.openexchange.redis.cache.database = many
            com.openexchange.redis.cache.ssl = true
            com.openexchange.redis.cache.ssl.certificate = c
            """
        )
        #expect(problems.map(\.source.line) == [1, 2, 4, 6])
        #expect(problems.last?.property == "com.openexchange.redis.cache.ssl.certificate")
    }

    @Test func `without it, its properties are checked, and told in one line of the log`() throws {
        let text = """
            com.openexchange.redis.cache.enabled = false
            com.openexchange.redis.cache.hosts = c:1
            com.openexchange.redis.cache.password = hunter2
            com.openexchange.redis.cache.breaker.enabled = true
            """
        let recorder = LogRecorder()
        let properties = try PropertySet(text, named: "test.properties")
        let oxbow = try Oxbow(properties: properties, logger: recorder.logger)
        #expect(oxbow.configuration.cacheRedis == nil && oxbow.cacheClient === oxbow.client)
        let said = recorder.messages(at: .warning)
        #expect(said.count == 1)
        for part in ["because com.openexchange.redis.cache.enabled is false", "cache.hosts (test.properties:2)"] {
            #expect(said.first?.contains(part) == true, "\(part) in \(said)")
        }
        #expect(!said.joined().contains("hunter2"))
        #expect(self.problems("com.openexchange.redis.cache.mode = clustr").map(\.value) == ["clustr"])
    }

    // MARK: Use

    /// Two servers, caches on the second.
    private func twoServers() async throws -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = try await redisConfiguration(.redis).address
        configuration.cacheRedis = configuration.redis
        configuration.cacheRedis?.address = try await redisConfiguration(.valkey).address
        configuration.cache = patient()
        return configuration
    }

    @Test func `caches use it, the main client does not`() async throws {
        try await withOxbow(self.twoServers()) { oxbow async throws in
            let (module, text) = (freshModule(), String(repeating: "v", count: 100))
            let plain = try oxbow.cache(module, of: String.self)
            let grouped = try oxbow.groupedCache(module + "-g", of: String.self)
            #expect(try await plain.value(for: "k") { text } == text)
            #expect(try await grouped.value(for: "k", in: "g") { text } == text)
            let keys = ["ox-cache:\(module):1:k", "ox-cache:\(module)-g:1:g"]
            for key in keys {
                #expect(try await oxbow.cacheClient?.execute(EXISTS([key])) == 1)
                #expect(try await oxbow.client?.execute(EXISTS([key])) == 0)
            }
            try await plain.invalidate("k")
            #expect(try await oxbow.cacheClient?.execute(EXISTS([keys[0]])) == 0)
            #expect(oxbow.client?.server?.name == "redis" && oxbow.cacheClient?.server?.name == "valkey")
        }
    }

    @Test func `the metrics of the two have different names`() async throws {
        let oxbow = try await Oxbow(self.twoServers(), logger: silent)
        let (main, cache) = (oxbow.client?.configuration, oxbow.cacheClient?.configuration)
        #expect(main?.metricsPrefix == "appsuite_redis" && main?.poolName == "redis-pool")
        #expect(cache?.metricsPrefix == "appsuite_redis_cache" && cache?.poolName == "redis-cache-pool")
    }

    @Test func `set in code, it takes no replica for the server, whatever the proxy before it says`() throws {
        var configuration = OxbowConfiguration()
        configuration.cacheRedis = RedisClientConfiguration()
        #expect(configuration.cacheRedis?.requiredRole == nil)
        #expect(try Oxbow(configuration, logger: silent).cacheClient?.configuration.requiredRole == .master)
        configuration.cacheRedis?.requiredRole = .replica
        #expect(try Oxbow(configuration, logger: silent).cacheClient?.configuration.requiredRole == .replica)
        configuration.cacheRedis = nil
        configuration.redis = RedisClientConfiguration()
        #expect(try Oxbow(configuration, logger: silent).client?.configuration.requiredRole == .master)
    }

    @Test(.timeLimit(.minutes(1))) func `what is wrong with one of the two leaves both as they were`() async throws {
        for isMain in [true, false] {
            var configuration = try await self.twoServers()
            var wrong = ConnectionPoolConfiguration()
            wrong.maximumTotal = 0
            if isMain { configuration.redis.pool = wrong } else { configuration.cacheRedis?.pool = wrong }
            let oxbow = try Oxbow(configuration, logger: silent)
            for _ in 0..<2 {
                let error = await #expect(throws: RedisError.self) { try await oxbow.withRunning {} }
                #expect(error?.code == .invalidConfiguration)
            }
            for client in [oxbow.client, oxbow.cacheClient] {
                let error = await #expect(throws: RedisError.self) {
                    try await client?.execute(GET("k", as: String.self))
                }
                #expect(error?.code == .notRunning)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `the end of one cancels what runs meanwhile`() async throws {
        let old = try await ServerProcess.start(.redis, settings: ["rename-command HEXPIRE \"\""])
        defer { old.stop() }
        var configuration = try await self.twoServers()
        configuration.cacheRedis?.address = .host("127.0.0.1", port: old.port)
        let oxbow = try Oxbow(configuration, logger: silent)
        let error = await #expect(throws: RedisError.self) {
            // A service that waits, and has no reason to look at its clients.
            try await oxbow.withRunning { try await Task.sleep(for: .seconds(600)) }
        }
        #expect(error?.code == .unsupportedServer)
    }

    @Test(.timeLimit(.minutes(1))) func `an old server as either of the two ends both`() async throws {
        let old = try await ServerProcess.start(.redis, settings: ["rename-command HEXPIRE \"\""])
        defer { old.stop() }
        for isMain in [true, false] {
            var configuration = try await self.twoServers()
            let address = RedisAddress.host("127.0.0.1", port: old.port)
            if isMain { configuration.redis.address = address } else { configuration.cacheRedis?.address = address }
            let oxbow = try Oxbow(configuration, logger: silent)
            let error = await #expect(throws: RedisError.self) { try await oxbow.run() }
            #expect(error?.code == .unsupportedServer)
            for client in [oxbow.client, oxbow.cacheClient] {
                let ended = await #expect(throws: RedisError.self) {
                    try await client?.execute(GET("k", as: String.self))
                }
                #expect(ended?.code == .shutDown)
            }
            let within = try Oxbow(configuration, logger: silent)
            let other = await #expect(throws: RedisError.self) {
                try await within.withRunning { () async throws in
                    // The one that could be used is ended, too.
                    let sound = isMain ? within.cacheClient : within.client
                    while true {
                        do {
                            _ = try await sound?.execute(GET("k", as: String.self))
                            await Task.yield()
                        } catch let error as RedisError where error.code == .shutDown { break }
                    }
                }
            }
            #expect(other?.code == .unsupportedServer)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a graceful shutdown lets outstanding replies of both come`() async throws {
        var configuration = OxbowConfiguration()
        let servers = [try await ServerProcess.start(), try await ServerProcess.start(.valkey)]
        defer { for server in servers { server.stop() } }
        configuration.redis.address = .host("127.0.0.1", port: servers[0].port)
        configuration.cacheRedis = configuration.redis
        configuration.cacheRedis?.address = .host("127.0.0.1", port: servers[1].port)
        let oxbow = try Oxbow(configuration, logger: silent)
        let clients = [try #require(oxbow.client), try #require(oxbow.cacheClient)]
        let group = ServiceGroup(services: [oxbow], logger: silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for client in clients {
                while client.server == nil { await Task.yield() }
                let base = client.statistics.commands
                _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 300, "ALL", returning: String.self))
                tasks.addTask {
                    let value = try await client.execute(GET("k", as: String.self))
                    #expect(value == nil)
                }
                while client.statistics.commands < base + 2 { await Task.yield() }
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        for client in clients {
            let error = await #expect(throws: RedisError.self) { try await client.execute(GET("k", as: String.self)) }
            #expect(error?.code == .shutDown)
        }
        let again = await #expect(throws: RedisError.self) { try await oxbow.run() }
        #expect(again?.code == .alreadyRunning)
    }
}

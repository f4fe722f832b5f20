import Oxbow
import PropertyFiles
import RedisClient
import Testing

/// The mode, and what stands or falls with it.
@Suite struct ModePropertiesTests {
    private static let prefix = "com.openexchange.redis."

    /// Reads lines whose keys are without the prefix.
    private func read(_ lines: String...) throws -> (redis: RedisClientConfiguration, warnings: [PropertyProblem]) {
        var warnings: [PropertyProblem] = []
        let text = lines.map { Self.prefix + $0 }.joined(separator: "\n")
        let properties = try PropertySet(text, named: "test.properties")
        return (try OxbowConfiguration(properties: properties, warnings: &warnings).redis, warnings)
    }

    private func problems(_ lines: [String]) -> [String] {
        var warnings: [PropertyProblem] = []
        do throws(PropertyError) {
            let text = lines.map { Self.prefix + $0 }.joined(separator: "\n")
            let properties = try PropertySet(text, named: "test.properties")
            _ = try OxbowConfiguration(properties: properties, warnings: &warnings)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `sentinel mode takes sentinels, master and their credentials`() throws {
        let (redis, warnings) = try read(
            "mode =   SentineL ",
            "hosts = a, b:7000, [::1], a:26379",
            "sentinel.masterId = main",
            "sentinel.username = watch",
            "sentinel.password = s",
            "password = p",
            "database = 2",
            "readFrom = ReplicaPreferred"
        )
        var sentinel = SentinelConfiguration([
            .host("a", port: 26_379), .host("b", port: 7000), .host("::1", port: 26_379),
        ])
        sentinel.masterName = "main"
        sentinel.credentials = RedisCredentials(username: "watch", password: "s")
        #expect(redis.topology == .sentinel(sentinel))
        #expect(redis.credentials == RedisCredentials(password: "p"))
        #expect(redis.database == 2 && redis.readFrom == .replicaPreferred)
        #expect(warnings.isEmpty)
    }

    @Test func `cluster mode takes nodes and the pause between refreshes`() throws {
        let (redis, warnings) = try read(
            "mode = cluster",
            "hosts = a:6301,b,[::1]:7",
            "cluster.periodicTopologyRefreshMillis = 60000",
            "readFrom = replica",
            "database = 0"
        )
        var cluster = ClusterConfiguration([.host("a", port: 6301), .host("b", port: 6379), .host("::1", port: 7)])
        cluster.refreshInterval = .seconds(60)
        #expect(redis.topology == .cluster(cluster))
        #expect(redis.readFrom == .replica)
        #expect(warnings.isEmpty)
    }

    @Test func `no refresh without cause`() throws {
        let (redis, _) = try read("mode = cluster", "cluster.periodicTopologyRefreshMillis = 0")
        var cluster = ClusterConfiguration([.host("localhost", port: 6379)])
        cluster.refreshInterval = nil
        #expect(redis.topology == .cluster(cluster))
    }

    @Test func `sentinel mode without hosts begins at a sentinel's port, and a server's port is a warning`() throws {
        let (redis, warnings) = try read("mode = sentinel")
        #expect(redis.topology == .sentinel(SentinelConfiguration([.host("localhost", port: 26_379)])))
        #expect(warnings.isEmpty)
        let (asWritten, told) = try read("mode = sentinel", "hosts = localhost:6379")
        #expect(asWritten.topology == .sentinel(SentinelConfiguration([.host("localhost", port: 6379)])))
        #expect(told.map(\.source.line) == [2])
        #expect(told.first?.message.contains("26379") == true)
    }

    @Test(arguments: [
        (["mode = clustr", "hosts = a,b"], ["mode = clustr", "standalone, cluster, sentinel"]),
        (["mode =", "hosts = a,unix:/run/s"], ["mode = ", "standalone, cluster, sentinel"]),
        (["hosts = a,b"], ["test.properties:1", "several addresses", "one host[:port]", "in standalone mode"]),
        (["hosts = ,"], ["no address"]),
        (
            ["mode = cluster", "hosts = a,b:99999"],
            ["test.properties:2", "'b:99999' is not an address", "cluster mode"]
        ),
        (["mode = cluster", "hosts = a,unix:/run/s"], ["test.properties:2", "a unix socket in cluster mode"]),
        (["mode = sentinel", "hosts = unix:/run/s"], ["test.properties:2", "a unix socket in sentinel mode"]),
        (["mode = sentinel", "sentinel.masterId ="], ["test.properties:2", "no name", "know the master by"]),
        (["mode = sentinel", "sentinel.username = x"], ["test.properties:2", "a user name needs a password"]),
        (["mode = cluster", "database = 3"], ["test.properties:2", "database = 3", "no database but 0", "-1 or 0"]),
        (["cluster.periodicTopologyRefreshMillis = soon"], ["test.properties:1", "soon", "milliseconds"]),
        (["readFrom = nobody"], ["test.properties:1", "nobody", "replicaPreferred"]),
        (["mode = cluster", "ssl = true", "hosts = a,b_c"], ["ssl.serverName", "'b_c' is no name"]),
        (["mode = sentinel", "ssl = true", "ssl.privateKey = k", "hosts = a,b"], ["privateKey without certificate"]),
        (
            ["mode = cluster", "hosts = a,redis://:hunter2@b"],
            ["<redacted>", "credentials have properties of their own"]
        ),
    ])
    func `what cannot work in a mode is one problem that says what is allowed`(_ lines: [String], _ parts: [String]) {
        let problems = problems(lines)
        #expect(problems.count == 1, "\(problems)")
        for part in parts { #expect(problems.first?.contains(part) == true, "\(part) in \(problems)") }
        let isSecretShown = problems.joined().contains("hunter2")
        #expect(!isSecretShown)
    }

    @Test(arguments: [
        ("standalone", [2, 3, 4, 5, 6]), ("sentinel", [5]), ("cluster", [2, 3, 4]),
    ])
    func `a property of another mode is a warning`(_ mode: String, _ lines: [Int]) throws {
        let (_, warnings) = try read(
            "mode = \(mode)",
            "sentinel.masterId = main",
            "sentinel.username = watch",
            "sentinel.password = hunter2",
            "cluster.periodicTopologyRefreshMillis = 0",
            "readFrom = replica"
        )
        #expect(warnings.map(\.source.line) == lines)
        #expect(warnings.allSatisfy { $0.message == "without effect, because mode is \(mode)" })
        #expect(!"\(warnings)".contains("hunter2"))
    }

    @Test func `a property of another mode that has its default, or nothing, is none`() throws {
        let (_, warnings) = try read(
            "sentinel.masterId = mymaster",
            "sentinel.password =",
            "readFrom = Master",
            "cluster.periodicTopologyRefreshMillis = 600000"
        )
        #expect(warnings.isEmpty)
    }

    @Test func `the circuit breaker is off unless it is turned on, and takes its properties`() throws {
        #expect(try read("breaker.delayMillis = 7").redis.breaker == nil)
        var expected = CircuitBreakerConfiguration()
        expected.metricsPrefix = "appsuite_circuitbreaker"
        #expect(try read("breaker.enabled = true").redis.breaker == expected)
        (expected.failureThreshold, expected.failureExecutions) = (3, 10)
        (expected.successThreshold, expected.successExecutions) = (4, 20)
        (expected.delay, expected.countsTimeouts) = (.milliseconds(1500), false)
        let (redis, warnings) = try read(
            "breaker.enabled = true",
            "breaker.failureThreshold = 3",
            "breaker.failureExecutions = 10",
            "breaker.successThreshold = 4",
            "breaker.successExecutions = 20",
            "breaker.delayMillis = 1500",
            "breaker.countTimeouts = false"
        )
        #expect(redis.breaker == expected && warnings.isEmpty)
    }
}

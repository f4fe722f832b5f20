import Foundation
import Logging
import Oxbow
import PropertyFiles
import TestServers
import RedisClient
import Testing

@Suite struct OxbowPropertiesTests {
    private static let shipped = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Properties").standardizedFileURL

    func configuration(_ text: String) throws -> (OxbowConfiguration, [PropertyProblem]) {
        var warnings: [PropertyProblem] = []
        let properties = try PropertySet(text, named: "test.properties")
        let configuration = try OxbowConfiguration(properties: properties, warnings: &warnings)
        return (configuration, warnings)
    }

    func problems(_ text: String) -> [PropertyProblem] {
        do {
            _ = try self.configuration(text)
            return []
        } catch let error as PropertyError {
            return error.problems
        } catch {
            Issue.record("another error: \(error)")
            return []
        }
    }

    @Test func `the shipped files have every key of the catalogue with its default, and no other`() throws {
        let properties = try PropertySet.load(from: Self.shipped.path, environment: [:])
        #expect(Set(properties.keys) == Set(OxbowProperties.catalogue.definitions.map(\.key)))
        for definition in OxbowProperties.catalogue.definitions {
            #expect(properties[definition.key]?.text == definition.default, "\(definition.key)")
            #expect(definition.accepts(definition.default), "\(definition.key)")
        }
    }

    @Test func `each shipped key has a comment above it`() throws {
        for file in ["redis.properties", "cache.properties"] {
            let lines = try String(contentsOf: Self.shipped.appending(path: file), encoding: .utf8)
                .split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() where line.hasPrefix("com.") {
                #expect(lines[index - 1].hasPrefix("#") || lines[index - 1].hasPrefix("com."), "\(line)")
            }
        }
    }

    @Test func `the shipped files and no files at all give the defaults of the types`() throws {
        var warnings: [PropertyProblem] = []
        let shipped = try PropertySet.load(from: Self.shipped.path, environment: [:])
        #expect(try OxbowConfiguration(properties: shipped, warnings: &warnings) == OxbowConfiguration())
        #expect(warnings.isEmpty, "nothing is set to anything but its default")
        let (configuration, none) = try configuration("")
        #expect(configuration == OxbowConfiguration())
        #expect(none.isEmpty)
    }

    @Test func `each property reaches its setting`() throws {
        let (configuration, warnings) = try configuration(
            """
            com.openexchange.redis.hosts = [::1]:7000
            com.openexchange.redis.username = app
            com.openexchange.redis.password = secret
            com.openexchange.redis.database = 3
            com.openexchange.redis.commandTimeoutMillis = 1500
            com.openexchange.redis.connectTimeoutMillis = 2500
            com.openexchange.redis.connection.pool.maxTotal = 12
            com.openexchange.redis.connection.pool.maxIdle = 8
            com.openexchange.redis.connection.pool.minIdle = 3
            com.openexchange.redis.ssl = true
            com.openexchange.redis.ssl.trustStore = /etc/ca.pem
            com.openexchange.redis.ssl.certificate = /etc/client.pem
            com.openexchange.redis.ssl.privateKey = /etc/client.key
            com.openexchange.redis.ssl.serverName = cache.example
            com.openexchange.redis.connection.pool.maxWaitSeconds = 7
            com.openexchange.redis.connection.pool.minIdleSeconds = 33
            com.openexchange.redis.connection.pool.cleanerRunSeconds = 4
            com.openexchange.redis.compressionType = Deflate
            com.openexchange.redis.minimumCompressionSize = 1000
            com.openexchange.cache.v2.defaultExpirationSeconds = 60
            com.openexchange.cache.v2.redis.threadLocal = false
            com.openexchange.cache.v2.redis.claimSeconds = 9
            com.openexchange.cache.v2.redis.maximumLoadSeconds = 90
            com.openexchange.cache.v2.redis.waitForLoadMillis = 1234
            com.openexchange.cache.v2.redis.maximumConcurrentLoads = 17
            com.openexchange.cache.v2.redis.softTimeoutMillis = 250
            com.openexchange.cache.v2.redis.jitterPercent = 0
            com.openexchange.cache.v2.redis.negativeExpirationSeconds = 11
            com.openexchange.cache.v2.redis.maximumValueBytes = 1048576
            com.openexchange.cache.v2.redis.requestScope.maximumEntries = 77
            com.openexchange.cache.v2.redis.keyPrefix = ORS:cluster1
            com.openexchange.redis.mapKeyPrefix = ORS:maps
            com.openexchange.redis.lockKeyPrefix = ORS:locks
            """
        )
        #expect(warnings.isEmpty)
        var expected = OxbowConfiguration()
        expected.redis.address = .host("::1", port: 7000)
        expected.redis.credentials = RedisCredentials(username: "app", password: "secret")
        expected.redis.database = 3
        expected.redis.commandTimeout = .milliseconds(1500)
        expected.redis.connectTimeout = .milliseconds(2500)
        expected.redis.pool.maximumTotal = 12
        expected.redis.pool.maximumIdle = 8
        expected.redis.pool.minimumIdle = 3
        expected.redis.pool.maximumWait = .seconds(7)
        expected.redis.pool.minimumIdleTime = .seconds(33)
        expected.redis.pool.cleanerPause = .seconds(4)
        var tls = RedisTLSConfiguration()
        tls.trustStore = "/etc/ca.pem"
        tls.certificate = "/etc/client.pem"
        tls.privateKey = "/etc/client.key"
        tls.serverName = "cache.example"
        expected.redis.tls = tls
        expected.cache.compression.type = .deflate
        expected.cache.compression.minimumBytes = 1000
        expected.cache.timeToLive = .seconds(60)
        expected.cache.usesRequestScope = false
        expected.cache.claimLife = .seconds(9)
        expected.cache.maximumLoad = .seconds(90)
        expected.cache.waitForLoad = .milliseconds(1234)
        expected.cache.maximumConcurrentLoads = 17
        expected.cache.softTimeout = .milliseconds(250)
        expected.cache.jitterPercent = 0
        expected.cache.absentTimeToLive = .seconds(11)
        expected.cache.maximumValueBytes = 1_048_576
        expected.cache.requestScopeEntries = 77
        expected.cache.keyPrefix = "ORS:cluster1"
        expected.maps.compression = expected.cache.compression
        expected.maps.maximumValueBytes = 1_048_576
        expected.maps.keyPrefix = "ORS:maps"
        expected.locks.keyPrefix = "ORS:locks"
        #expect(configuration == expected)
    }

    @Test func `all problems come at once, with file, line, property, value and what is allowed`() throws {
        let text = """
            com.openexchange.redis.mode = clustr
            com.openexchange.redis.hosts = localhost:99999
            com.openexchange.redis.commandTimeoutMillis = soon
            com.openexchange.redis.username = app
            com.openexchange.redis.starttls = true
            com.openexchange.cache.v2.redis.jitterPercent = 101
            com.openexchange.redis.connection.pool.maxIdle = 2
            com.openexchange.redis.connection.pool.minIdle = 3
            """
        let problems = problems(text)
        #expect(problems.count == 7)
        let said = problems.map(\.description).joined(separator: "\n")
        for part in [
            "test.properties:1", "com.openexchange.redis.mode", "clustr", "standalone, cluster, sentinel",
            "test.properties:2", "localhost:99999", "host[:port]", "test.properties:3", "soon", "milliseconds",
            "test.properties:4", "a user name needs a password", "test.properties:5",
            "have no command that turns TLS on",
            "ssl = true and the server's TLS port",
            "test.properties:6", "101", "from 0 to 100", "test.properties:8", "0 to 2",
        ] {
            #expect(said.contains(part), "\(part) in:\n\(said)")
        }
    }

    @Test func `TLS that cannot work is refused, with the line`() {
        let problems = problems(
            """
            com.openexchange.redis.ssl = true
            com.openexchange.redis.hosts = unix:/run/redis.sock
            com.openexchange.redis.ssl.certificate = /etc/client.pem
            """
        )
        #expect(
            problems.map(\.property) == ["ssl.certificate", "ssl.serverName"].map { "com.openexchange.redis.\($0)" }
        )
        #expect(problems.first?.source.line == 3)
        #expect(problems.first?.message == "certificate without privateKey")
        #expect(problems.last?.message.contains("a unix socket has no name") == true)
    }

    @Test func `verification that is turned off is a warning, and one line in the log`() throws {
        let text = "com.openexchange.redis.ssl = true\ncom.openexchange.redis.verifyPeer = false"
        let (configuration, warnings) = try configuration(text)
        #expect(configuration.redis.tls?.verifiesPeer == false)
        #expect(warnings.map(\.property) == ["com.openexchange.redis.verifyPeer"])
        #expect(warnings.first?.source.line == 2)
        #expect(warnings.first?.message.contains("anybody can pose as the server") == true)
        let recorder = LogRecorder()
        let oxbow = try Oxbow(properties: PropertySet(text, named: "test.properties"), logger: recorder.logger)
        #expect(recorder.messages(at: .trace).isEmpty, "the client tells when it starts")
        _ = oxbow
    }

    @Test func `settings of TLS without TLS are warnings`() throws {
        let (configuration, warnings) = try configuration(
            """
            com.openexchange.redis.verifyPeer = false
            com.openexchange.redis.ssl.trustStore = /etc/ca.pem
            com.openexchange.redis.ssl.serverName = x
            """
        )
        #expect(configuration.redis.tls == nil)
        #expect(warnings.map(\.source.line) == [2, 3])
        check(warnings.allSatisfy { $0.message.contains("not encrypted") }, true)
    }

    @Test(arguments: ["", "a{b}", "a*", "a%", "a\\u0000b", "a\\nb", "[a]", "a?"])
    func `a prefix whose keys would leave their family is refused, with its line`(_ prefix: String) {
        for name in ["cache.v2.redis.keyPrefix", "redis.mapKeyPrefix", "redis.lockKeyPrefix"] {
            let problems = problems("\ncom.openexchange.\(name) = \(prefix)")
            #expect(problems.map(\.property) == ["com.openexchange.\(name)"])
            #expect(problems.first?.source.line == 2)
            #expect(problems.first?.allowed?.contains("not empty") == true)
        }
    }

    @Test(arguments: ["redis://app:hunter2@h:6379", "app:hunter2@h", "hunter2@h:6379", "h, redis://:hunter2@h"])
    func `a URL in place of a host is refused, and not shown`(_ text: String) {
        let problems = problems("com.openexchange.redis.hosts = \(text)")
        #expect(problems.count == 1)
        #expect(problems.first?.value == "<redacted>")
        #expect(problems.first?.description.contains("hunter2") == false)
        #expect(problems.first?.message.contains("credentials have properties of their own") == true)
    }

    @Test func `an unknown property is a warning with the nearest known name`() throws {
        let (_, warnings) = try configuration("com.openexchange.redis.commandTimeoutMilis = 5\nother.key = 1")
        #expect(warnings.count == 1)
        #expect(warnings.first?.description.contains("com.openexchange.redis.commandTimeoutMillis") == true)
        #expect(warnings.first?.description.contains("test.properties:1") == true)
    }

    @Test func `a known property without effect is a warning, and instances' own properties are known`() throws {
        let (_, warnings) = try configuration(
            """
            com.openexchange.redis.lettuceCommandLatencyMetrics = false
            com.openexchange.redis.sites = north
            com.openexchange.redis.north.hosts = n:1
            com.openexchange.redis.cache.hosts = c:1
            """
        )
        #expect(warnings.map(\.code) == [.ignored, .ignored, .ignored, .ignored])
        #expect(warnings.last?.message == "without effect, because com.openexchange.redis.cache.enabled is false")
        #expect(
            warnings.map(\.property) == [
                "com.openexchange.redis.lettuceCommandLatencyMetrics", "com.openexchange.redis.sites",
                "com.openexchange.redis.north.hosts", "com.openexchange.redis.cache.hosts",
            ]
        )
    }

    @Test func `a property without effect must still be sound`() {
        let problems = problems(
            """
            com.openexchange.redis.lettuceCommandLatencyMetrics = abc
            com.openexchange.redis.readFrom = nobody
            com.openexchange.redis.cache.mode = clustr
            """
        )
        #expect(problems.map(\.value) == ["abc", "nobody", "clustr"])
    }

    @Test func `a password is nowhere to be seen`() throws {
        let (configuration, _) = try configuration("com.openexchange.redis.password = hunter2")
        #expect(configuration.redis.credentials?.password == "hunter2")
        var dumped = "\(configuration) \(String(reflecting: configuration))"
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }

    @Test func `environment variables fill in and override`() throws {
        let properties = try PropertySet(
            "com.openexchange.redis.hosts = ${REDIS_HOST}:${REDIS_PORT:-6380}",
            named: "a",
            environment: ["REDIS_HOST": "cache", "COM_OPENEXCHANGE_REDIS_DATABASE": "5"]
        )
        var warnings: [PropertyProblem] = []
        let configuration = try OxbowConfiguration(properties: properties, warnings: &warnings)
        #expect(configuration.redis.address == .host("cache", port: 6380))
        #expect(configuration.redis.database == 5)
    }

    @Test(arguments: [
        ("host", "host:6379"), ("host:1", "host:1"), ("[::1]", "[::1]:6379"), ("[::1]:7", "[::1]:7"),
        ("unix:/run/redis.sock", "unix:/run/redis.sock"),
    ])
    func `an address is parsed`(_ text: String, _ parsed: String) {
        #expect(RedisAddress(text)?.description == parsed)
    }

    @Test(arguments: [
        "", ":1", "h:", "h:0", "h:65536", "h:x", "h:+1", "h:1:2", "[::1", "[]:1", "[::1]x", "unix:", "unix:relative",
        "unix:/", "a b", "h:99999999999999999999", "u@h", "a/b",
    ])
    func `what is no address is none`(_ text: String) { #expect(RedisAddress(text) == nil) }

    @Test func `settings that cannot work are refused`() {
        for change: @Sendable (inout CacheConfiguration) -> Void in [
            { $0.keyPrefix = "" }, { $0.keyPrefix = "a{b" }, { $0.timeToLive = .zero }, { $0.claimLife = .seconds(-1) },
            { $0.jitterPercent = 101 }, { $0.maximumValueBytes = 0 }, { $0.waitForLoad = .seconds(-1) },
            { $0.claimLife = .nanoseconds(3) }, { $0.requestScopeEntries = 0 }, { $0.requestScopeBytes = 0 },
            { $0.maximumConcurrentLoads = 0 },
        ] {
            var configuration = CacheConfiguration()
            change(&configuration)
            #expect(throws: ConfigurationError.self) { try Oxbow(inMemory: configuration) }
        }
    }
}

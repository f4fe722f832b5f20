import Oxbow
import PropertyFiles
import RedisClient
import Testing

/// Limits, families, blanks in passwords, and defaults without effect.
extension OxbowPropertiesTests {
    @Test func `-1 is no limit for the pool, and other negative numbers are errors`() throws {
        let pool = "com.openexchange.redis.connection.pool"
        let (configuration, warnings) = try configuration(
            "\(pool).maxTotal = -1\n\(pool).maxIdle = -1\n\(pool).maxWaitSeconds = -1"
        )
        #expect(warnings.isEmpty)
        #expect(configuration.redis.pool.maximumTotal == 10_000)
        #expect(configuration.redis.pool.maximumIdle == 10_000)
        #expect(configuration.redis.pool.maximumWait == .seconds(31_536_000))
        let problems = problems("\(pool).maxTotal = -2\n\(pool).maxIdle = -5\n\(pool).minIdle = -1")
        #expect(problems.map(\.source.line) == [1, 2, 3])
        #expect(problems.first?.allowed == "a whole number from 1 to 10000, or -1 for no limit, which is 10000")
    }

    @Test func `families that are not built yet are known and without effect`() throws {
        let properties = try PropertySet(
            "com.openexchange.sessiond.maxSession = 5\ncom.openexchange.tokenlogin.maxIdleTime = 1",
            named: "a",
            environment: ["COM_OPENEXCHANGE_SESSIOND_SESSIONLENGTH": "1"]
        )
        var warnings: [PropertyProblem] = []
        _ = try OxbowConfiguration(properties: properties, warnings: &warnings)
        #expect(warnings.map(\.code) == [.ignored, .ignored, .ignored])
        check(warnings.allSatisfy { $0.message == "known, but without effect in this version" }, true)
        #expect(Set(warnings.compactMap(\.property)) == Set(properties.keys))
    }

    @Test func `a property without effect that has its default is no warning`() throws {
        let (_, warnings) = try configuration(
            """
            com.openexchange.redis.lettuceCommandLatencyMetrics = TRUE
            com.openexchange.redis.sites.enabled = false
            com.openexchange.redis.sessionKeyPrefix = ox-session
            com.openexchange.redis.channelKeyPrefix = other
            """
        )
        #expect(warnings.map(\.property) == ["com.openexchange.redis.channelKeyPrefix"])
    }

    @Test func `a password keeps the blanks at its end, and a user name does not`() throws {
        func password(_ line: String, _ environment: [String: String] = [:]) throws -> RedisCredentials? {
            let text = "com.openexchange.redis.username = app\\ \ncom.openexchange.redis.password = \(line)"
            let properties = try PropertySet(text, named: "a", environment: environment)
            var warnings: [PropertyProblem] = []
            return try OxbowConfiguration(properties: properties, warnings: &warnings).redis.credentials
        }
        let expected = RedisCredentials(username: "app", password: "secret ")
        for line in [#"secret\u0020"#, #"secret\ "#, "secret ", "${SECRET}"] {
            #expect(try password(line, ["SECRET": "secret "]) == expected, "\(line)")
        }
        let variable = "COM_OPENEXCHANGE_REDIS_PASSWORD"
        #expect(try password("x", [variable: " secret\n"])?.password == " secret\n")
        #expect(try password("secret", [variable: ""])?.password == "secret")
    }
}

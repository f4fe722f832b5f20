package import PropertyFiles

/// The one catalogue of all properties: names, defaults, units, limits.
///
/// `Properties/` ships the same, for people.
package enum OxbowProperties {
    /// The prefix of the main instance's properties.
    static let main = "com.openexchange.redis."
    /// The prefix of the cache instance's properties; what is not set there is as for the main instance.
    static let cacheInstance = "com.openexchange.redis.cache."
    /// The prefix of the caches' properties.
    static let caches = "com.openexchange.cache.v2."

    /// Whether there is a cache instance.
    static let isSeparate = Self.cacheInstance + "enabled"
    /// Why the properties of the cache instance may be without effect.
    static let notSeparate = "without effect, because \(Self.isSeparate) is false"

    /// The warning about `verifyPeer = false`, which the client repeats in the log when it starts.
    static let withoutVerification = "the server's certificate is not verified: anybody can pose as the server"

    private static let seconds = PropertyDefinition.Kind.seconds(0...31_536_000)
    private static let positiveSeconds = PropertyDefinition.Kind.seconds(1...31_536_000)
    private static let milliseconds = PropertyDefinition.Kind.milliseconds(1...86_400_000)
    private static let count = PropertyDefinition.Kind.integer(0...1_000_000)

    package static let catalogue = PropertyCatalogue(
        families: [main, caches],
        laterFamilies: ["com.openexchange.sessiond.", "com.openexchange.tokenlogin."],
        Self.connection + Self.encryption + Self.pool + Self.breaker + Self.features + Self.cacheProperties
    )

    private static func instance(
        _ name: String,
        _ kind: PropertyDefinition.Kind,
        _ value: String,
        noLimit: Bool = false,
        secret: Bool = false,
        reloadable: Bool = false,
        honored: Bool = true,
        _ documentation: String
    ) -> PropertyDefinition {
        PropertyDefinition(
            Self.main + name,
            kind,
            default: value,
            noLimit: noLimit,
            secret: secret,
            reloadable: reloadable,
            honored: honored,
            variants: true,
            documentation
        )
    }

    private static func mainOnly(
        _ name: String,
        _ kind: PropertyDefinition.Kind,
        _ value: String,
        reloadable: Bool = false,
        honored: Bool = true,
        _ documentation: String
    ) -> PropertyDefinition {
        PropertyDefinition(
            Self.main + name,
            kind,
            default: value,
            reloadable: reloadable,
            honored: honored,
            documentation
        )
    }

    private static func cache(
        _ name: String,
        _ kind: PropertyDefinition.Kind,
        _ value: String,
        reloadable: Bool = false,
        honored: Bool = true,
        _ documentation: String
    ) -> PropertyDefinition {
        PropertyDefinition(
            Self.caches + name,
            kind,
            default: value,
            reloadable: reloadable,
            honored: honored,
            documentation
        )
    }

    private static let connection = [
        instance(
            "mode",
            .enumeration(["standalone", "cluster", "sentinel"]),
            "standalone",
            "How servers are arranged."
        ),
        instance("hosts", .list, "localhost:6379", "host[:port], IPv6 in brackets; or unix:/path."),
        instance("sentinel.masterId", .string, "mymaster", "The name of the monitored master."),
        instance("sentinel.username", .string, "", "The user at the sentinels."),
        instance("sentinel.password", .string, "", secret: true, "The password at the sentinels."),
        instance("username", .string, "", "The user; needs a password."),
        instance("password", .string, "", secret: true, "The password."),
        instance("database", .integer(-1...65_535), "-1", "Selected only if greater than 0."),
        instance(
            "readFrom",
            .enumeration(["master", "replicaPreferred", "replica"]),
            "master",
            "Which nodes answer reads."
        ),
        instance(
            "cluster.periodicTopologyRefreshMillis",
            .milliseconds(0...86_400_000),
            "600000",
            "The pause between refreshes of a cluster's topology."
        ),
        instance("commandTimeoutMillis", milliseconds, "5000", reloadable: true, "The longest time for one command."),
        instance("connectTimeoutMillis", milliseconds, "5000", reloadable: true, "The longest time to connect."),
    ]

    private static let encryption = [
        instance("ssl", .boolean, "false", "TLS from the first byte on."),
        instance("starttls", .boolean, "false", "Refused: servers have no such command."),
        instance("verifyPeer", .boolean, "true", "Verify chain and host name."),
        instance("ssl.trustStore", .string, "", "The file of certificate authorities."),
        instance("ssl.certificate", .string, "", "The file of the client's certificate."),
        instance("ssl.privateKey", .string, "", "The file of the client's key."),
        instance("ssl.serverName", .string, "", "The name to verify."),
    ]

    private static let pool = [
        instance(
            "connection.pool.maxTotal",
            .integer(1...10_000),
            "100",
            noLimit: true,
            reloadable: true,
            "The most connections."
        ),
        instance(
            "connection.pool.maxIdle",
            .integer(0...10_000),
            "100",
            noLimit: true,
            reloadable: true,
            "The most idle ones kept."
        ),
        instance("connection.pool.minIdle", .integer(0...10_000), "0", reloadable: true, "The idle ones kept ready."),
        instance(
            "connection.pool.maxWaitSeconds",
            seconds,
            "2",
            noLimit: true,
            reloadable: true,
            "The longest wait for room or an own connection."
        ),
        instance("connection.pool.minIdleSeconds", seconds, "60", reloadable: true, "The idle age before eviction."),
        instance(
            "connection.pool.cleanerRunSeconds",
            positiveSeconds,
            "10",
            reloadable: true,
            "The pause between cleaner runs."
        ),
    ]

    private static let breaker = [
        instance("breaker.enabled", .boolean, "false", reloadable: true, "Block access after repeated failures."),
        instance("breaker.failureThreshold", .integer(1...1_000_000), "5", reloadable: true, "Failures that open it."),
        instance("breaker.failureExecutions", count, "0", reloadable: true, "Among so many executions."),
        instance(
            "breaker.successThreshold",
            .integer(1...1_000_000),
            "2",
            reloadable: true,
            "Successes that close it."
        ),
        instance("breaker.successExecutions", count, "0", reloadable: true, "Among so many executions."),
        instance("breaker.delayMillis", milliseconds, "60000", reloadable: true, "The time it stays open."),
        instance("breaker.countTimeouts", .boolean, "true", reloadable: true, "Whether a time-out is a failure."),
    ]

    private static let features = [
        instance("compressionType", .enumeration(["none", "deflate"]), "none", "How values are compressed."),
        instance("minimumCompressionSize", .bytes(0...536_870_912), "256", "From which size on."),
        instance("lettuceCommandLatencyMetrics", .boolean, "true", honored: false, "The lettuce_command_* timers."),
        mainOnly("sites.enabled", .boolean, "false", honored: false, "Connect to remote sites."),
        mainOnly("sites", .list, "", honored: false, "The ids of remote sites."),
        mainOnly("impendingInvalidation", .boolean, "false", "Keep invalidated entries closed."),
        mainOnly("impendingInvalidationDelay", milliseconds, "2000", "For so long."),
        mainOnly("mapKeyPrefix", .string, "ox-map", "The first component of the keys of maps and rate limits."),
        mainOnly("lockKeyPrefix", .string, "ox-lock", "The first component of the keys of locks."),
        mainOnly("channelKeyPrefix", .string, "ox-channel", honored: false, "The first component of channels."),
        mainOnly("sessionKeyPrefix", .string, "ox-session", honored: false, "The first component of sessions' keys."),
        mainOnly("cache.enabled", .boolean, "false", "Use the separate cache instance."),
    ]

    private static let cacheProperties = [
        cache("redis.keyPrefix", .string, "ox-cache", "The first component of every key."),
        cache("defaultExpirationSeconds", positiveSeconds, "3600", reloadable: true, "The life of an entry."),
        cache("redis.threadLocal", .boolean, "true", "Whether request scopes remember anything."),
        cache("redis.withMetrics", .boolean, "false", honored: false, "The appsuite_redis_cache_* metrics."),
        cache("redis.metrics.threadLocal", .boolean, "false", honored: false, "Those of the request scope."),
        cache("redis.claimSeconds", positiveSeconds, "5", reloadable: true, "The life of a loader's claim."),
        cache("redis.maximumLoadSeconds", positiveSeconds, "60", reloadable: true, "How long a claim is renewed."),
        cache("redis.waitForLoadMillis", milliseconds, "", reloadable: true, "How long to wait for another's load."),
        cache(
            "redis.softTimeoutMillis",
            milliseconds,
            "500",
            reloadable: true,
            "The longest time for a command of a cache read."
        ),
        cache("redis.maximumConcurrentLoads", .integer(1...1_000_000), "64", reloadable: true, "Loads at once."),
        cache("redis.jitterPercent", .integer(0...100), "5", reloadable: true, "The spread of lives."),
        cache(
            "redis.negativeExpirationSeconds",
            seconds,
            "60",
            reloadable: true,
            "The life of a known absence."
        ),
        cache("redis.earlyRefreshFactor", .decimal(0...100), "0", reloadable: true, "XFetch beta."),
        cache("redis.staleSeconds", seconds, "0", reloadable: true, "How long a stale value may be served."),
        cache("redis.maximumValueBytes", .bytes(1...536_870_000), "16777216", "The largest value, not compressed."),
        cache("redis.journal.maximumEntries", count, "10000", "Invalidations remembered."),
        cache("redis.journal.replaySeconds", seconds, "600", "Remembered, to be repeated."),
        cache("redis.requestScope.maximumEntries", .integer(1...10_000_000), "10000", "Entries of one scope."),
        cache("redis.nearCache.maximumBytes", .bytes(0...1 << 40), "0", honored: false, "The near cache."),
    ]
}

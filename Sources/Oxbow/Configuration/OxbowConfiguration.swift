public import RedisClient

/// Everything an ``Oxbow`` can be told, as plain values.
public struct OxbowConfiguration: Sendable, Hashable {
    /// The main instance.
    public var redis = RedisClientConfiguration()
    /// The separate instance for the data of caches, which may be lost; `nil`, the default: the main instance has it.
    ///
    /// Its metrics are called `appsuite_redis_cache_connections_num_active` and so on, with the label
    /// `name="redis-cache-pool"`, if it has the names of the main instance here.
    public var cacheRedis: RedisClientConfiguration?
    /// How caches behave.
    public var cache = CacheConfiguration()
    /// How maps behave.
    public var maps = MapConfiguration()
    /// How locks behave.
    public var locks = LockConfiguration()

    /// The defaults: `localhost:6379` without TLS, and those named at each property.
    public init() {
        self.redis.metricsPrefix = Self.metricsPrefix
        // What caches write must not be lost on a copy.
        self.redis.requiredRole = .master
    }

    /// The prefix of all metrics.
    static let metricsPrefix = "appsuite_redis"
    static let breakerMetricsPrefix = "appsuite_circuitbreaker"
    /// The prefix of the metrics of the separate instance for caches, and the label of its pool.
    static let cacheMetricsPrefix = "appsuite_redis_cache"
    static let cachePoolName = "redis-cache-pool"
}

/// A setting that cannot work; says which and what is allowed.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// The setting, its value unless it is a secret, and what is allowed.
    public let description: String

    init(_ description: String) { self.description = description }
}

extension CacheConfiguration {
    /// - Throws: ``ConfigurationError`` for the first setting that cannot work.
    func validate() throws {
        guard KeyEncoding.isSoundPrefix(self.keyPrefix) else {
            throw ConfigurationError("keyPrefix must be \(KeyEncoding.soundPrefix)")
        }
        for (name, duration) in [
            ("timeToLive", self.timeToLive), ("claimLife", self.claimLife), ("maximumLoad", self.maximumLoad),
            ("softTimeout", self.softTimeout),
        ] where duration <= .zero {
            throw ConfigurationError("\(name) must be more than 0, not \(duration)")
        }
        guard self.absentTimeToLive >= .zero else {
            throw ConfigurationError("absentTimeToLive must be at least 0, not \(self.absentTimeToLive)")
        }
        if let waitForLoad, waitForLoad <= .zero {
            throw ConfigurationError("waitForLoad must be more than 0, not \(waitForLoad)")
        }
        guard self.claimLife >= .milliseconds(100) else {
            throw ConfigurationError("claimLife must be at least 100 ms, not \(self.claimLife)")
        }
        if let holdOff, holdOff <= .zero { throw ConfigurationError("holdOff must be more than 0, not \(holdOff)") }
        guard self.earlyRefreshFactor >= 0, self.earlyRefreshFactor <= 100 else {
            throw ConfigurationError("earlyRefreshFactor must be from 0 to 100, not \(self.earlyRefreshFactor)")
        }
        guard self.staleFor >= .zero else {
            throw ConfigurationError("staleFor must be at least 0, not \(self.staleFor)")
        }
        guard self.journalEntries >= 0 else {
            throw ConfigurationError("journalEntries must be at least 0, not \(self.journalEntries)")
        }
        guard self.journalBytes >= 0 else {
            throw ConfigurationError("journalBytes must be at least 0, not \(self.journalBytes)")
        }
        guard self.journalReplay >= .zero else {
            throw ConfigurationError("journalReplay must be at least 0, not \(self.journalReplay)")
        }
        guard self.maximumConcurrentLoads >= 1 else {
            throw ConfigurationError("maximumConcurrentLoads must be at least 1, not \(self.maximumConcurrentLoads)")
        }
        guard self.requestScopeEntries >= 1 else {
            throw ConfigurationError("requestScopeEntries must be at least 1, not \(self.requestScopeEntries)")
        }
        guard self.requestScopeBytes >= 1 else {
            throw ConfigurationError("requestScopeBytes must be at least 1, not \(self.requestScopeBytes)")
        }
        guard (0...100).contains(self.jitterPercent) else {
            throw ConfigurationError("jitterPercent must be from 0 to 100, not \(self.jitterPercent)")
        }
        try Envelope.validate(maximumValueBytes: self.maximumValueBytes)
    }
}

extension Envelope {
    /// - Throws: ``ConfigurationError`` when the server could not store so large a value.
    static func validate(maximumValueBytes: Int) throws {
        guard maximumValueBytes > 0, maximumValueBytes <= 512 * 1024 * 1024 - Self.headerBytes else {
            throw ConfigurationError("maximumValueBytes must be from 1 to 512 MiB, not \(maximumValueBytes)")
        }
    }
}

public import PropertyFiles
import RedisClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension OxbowConfiguration {
    /// Reads a configuration from properties.
    ///
    /// - Parameters:
    ///   - properties: one or more files, with the environment.
    ///   - warnings: what is no error but should be told: unknown properties with the nearest known name, and known
    ///   ones without effect in this version or with these settings.
    /// - Throws: `PropertyError` with all problems at once.
    public init(properties: PropertySet, warnings: inout [PropertyProblem]) throws(PropertyError) {
        self.init()
        var reader = PropertyReader(properties, OxbowProperties.catalogue)
        let main = [OxbowProperties.main]
        let separate = [OxbowProperties.cacheInstance, OxbowProperties.main]
        let hasCacheInstance = reader.boolean(OxbowProperties.isSeparate)
        reader.addVariants(
            [OxbowProperties.cacheInstance],
            of: OxbowProperties.main,
            withoutEffect: hasCacheInstance ? nil : OxbowProperties.notSeparate
        )
        // The properties of the sites are known, so that none of them counts as misspelled, but have no effect yet.
        let sites = reader.list(OxbowProperties.main + "sites").map { "\(OxbowProperties.main)\($0)." }
        reader.addVariants(sites, of: OxbowProperties.main, withoutEffect: PropertyDefinition.notYet)
        self.redis = reader.scoped(to: main) { RedisClientConfiguration(&$0) }
        if hasCacheInstance {
            let mode = reader.scoped(to: main) { ServerMode(&$0) }
            var redis = reader.scoped(to: separate) { RedisClientConfiguration(&$0, besides: mode) }
            redis.nameForCaches()
            self.cacheRedis = redis
        }
        self.cache = reader.scoped(to: [OxbowProperties.caches]) { CacheConfiguration(&$0) }
        self.cache.compression = reader.scoped(to: hasCacheInstance ? separate : main) { CompressionConfiguration(&$0) }
        self.maps.compression = reader.scoped(to: main) { CompressionConfiguration(&$0) }
        self.maps.maximumValueBytes = self.cache.maximumValueBytes
        reader.scoped(to: main) { reader in
            self.maps.keyPrefix = reader.keyPrefix("mapKeyPrefix")
            self.locks.keyPrefix = reader.keyPrefix("lockKeyPrefix")
            let delay = reader.duration("impendingInvalidationDelay")
            if reader.boolean("impendingInvalidation"), delay > .zero { self.cache.holdOff = delay }
        }
        reader.checkIgnored()
        warnings = reader.warnings
        try reader.check()
    }
}

extension PropertyReader {
    fileprivate mutating func keyPrefix(_ key: String) -> String {
        let prefix = self.string(key)
        if !KeyEncoding.isSoundPrefix(prefix) {
            self.refuse(key, "not a prefix that keys can have", allowed: KeyEncoding.soundPrefix)
        }
        return prefix
    }
}

extension CompressionConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.type = reader.enumeration("compressionType", or: .none)
        self.minimumBytes = reader.integer("minimumCompressionSize")
    }
}

extension CacheConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.keyPrefix = reader.keyPrefix("redis.keyPrefix")
        self.timeToLive = reader.duration("defaultExpirationSeconds")
        self.usesRequestScope = reader.boolean("redis.threadLocal")
        self.claimLife = reader.duration("redis.claimSeconds")
        self.maximumLoad = reader.duration("redis.maximumLoadSeconds")
        self.waitForLoad = reader.optionalDuration("redis.waitForLoadMillis")
        self.maximumConcurrentLoads = reader.integer("redis.maximumConcurrentLoads")
        self.softTimeout = reader.duration("redis.softTimeoutMillis")
        self.jitterPercent = reader.integer("redis.jitterPercent")
        self.absentTimeToLive = reader.duration("redis.negativeExpirationSeconds")
        self.maximumValueBytes = reader.integer("redis.maximumValueBytes")
        self.earlyRefreshFactor = reader.decimal("redis.earlyRefreshFactor")
        self.staleFor = reader.duration("redis.staleSeconds")
        self.journalEntries = reader.integer("redis.journal.maximumEntries")
        self.journalReplay = reader.duration("redis.journal.replaySeconds")
        self.requestScopeEntries = reader.integer("redis.requestScope.maximumEntries")
    }
}

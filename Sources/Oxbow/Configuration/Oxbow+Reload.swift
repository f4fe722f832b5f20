import Logging
public import PropertyFiles
import RedisClient
import Synchronization

/// What became of settings that were loaded anew.
public struct ReloadOutcome: Sendable, Hashable {
    /// Those that were changed, and hold from now on; a new pause of the pool's cleaner holds behind the present one.
    public var applied: [String] = []
    /// Those that differ from what the instance was made with and are as they were then: they need a new instance.
    public var restartNeeded: [String] = []

    /// Nothing, but for what is given.
    public init(applied: [String] = [], restartNeeded: [String] = []) {
        self.applied = applied
        self.restartNeeded = restartNeeded
    }
}

extension Oxbow {
    /// Reads the properties anew and applies what may change while the instance runs: circuit breaker, time-outs, pool sizes,
    /// and the policies of caches (lives, claims, waiting, freshness, the limit of loads).
    ///
    /// Commands, loads and connections on their way keep what they began with. Options that a cache was made with stay. What
    /// needs a restart is told in the log, too.
    ///
    /// - Parameter properties: as for ``init(properties:logger:)``.
    /// - Returns: the names of the properties that have changed; if the instance was not configured by properties the last time, those
    ///   of the settings (`redis.pool`, `cache.timeToLive` …).
    /// - Throws: `PropertyError`, ``ConfigurationError``, `RedisError` with `invalidConfiguration`; nothing is changed then.
    @discardableResult
    public func reload(_ properties: PropertySet) throws -> ReloadOutcome {
        let configuration = try OxbowConfiguration(properties, logger: self.logger)
        // One after the other: settings that depend on each other stay together.
        let outcome = try self.properties.withLock { known in
            let outcome = try self.apply(configuration)
            guard let before = known else { return outcome }
            known?.last = properties
            return Self.changes(
                since: before,
                to: properties,
                hasCacheInstance: self.initial.cacheRedis != nil && configuration.cacheRedis != nil
            )
        }
        self.tell(outcome)
        return outcome
    }

    /// Applies what may change while the instance runs, as ``reload(_:)-(PropertySet)``.
    ///
    /// - Parameter configuration: all settings, as for a new instance.
    /// - Returns: the names of the settings that differed: `redis.pool`, `cache.timeToLive` …
    /// - Throws: ``ConfigurationError``, `RedisError` with `invalidConfiguration`; nothing is changed then.
    @discardableResult
    public func reload(_ configuration: OxbowConfiguration) throws -> ReloadOutcome {
        let outcome = try self.properties.withLock { known in
            let outcome = try self.apply(configuration)
            known = nil
            return outcome
        }
        self.tell(outcome)
        return outcome
    }

    private func apply(_ configuration: OxbowConfiguration) throws -> ReloadOutcome {
        try configuration.cache.validate()
        try configuration.maps.validate()
        try configuration.locks.validate()
        try configuration.redis.validate()
        try configuration.cacheRedis?.validate()
        let before = self.configuration
        self.policies.change(to: configuration.cache)
        self.softTimeout.change(to: configuration.cache.softTimeout)
        try self.client?.reconfigure(configuration.redis)
        if before.cacheRedis != nil, let separate = configuration.cacheRedis {
            try self.cacheClient?.reconfigure(separate)
        }
        let rest = Set(Self.differences(self.configuration, configuration))
        let all = Self.differences(before, configuration)
        return ReloadOutcome(applied: all.filter { !rest.contains($0) }, restartNeeded: all.filter(rest.contains))
    }

    private func tell(_ outcome: ReloadOutcome) {
        if !outcome.applied.isEmpty {
            self.logger.notice("settings reloaded", metadata: ["applied": .array(outcome.applied.map { .string($0) })])
        }
        if !outcome.restartNeeded.isEmpty {
            let names = outcome.restartNeeded.map { Logger.MetadataValue.string($0) }
            self.logger.warning("changed settings need a restart", metadata: ["settings": .array(names)])
        }
    }

    private static func differences(_ left: OxbowConfiguration, _ right: OxbowConfiguration) -> [String] {
        var names = differingSettings(left.redis, right.redis).map { "redis.\($0)" }
        if let left = left.cacheRedis, let right = right.cacheRedis {
            names += differingSettings(left, right).map { "cacheRedis.\($0)" }
        } else if (left.cacheRedis == nil) != (right.cacheRedis == nil) {
            names.append("cacheRedis")
        }
        names += differingSettings(left.cache, right.cache).map { "cache.\($0)" }
        names += differingSettings(left.maps, right.maps).map { "maps.\($0)" }
        return names + differingSettings(left.locks, right.locks).map { "locks.\($0)" }
    }

    /// The properties whose values differ, never the values.
    ///
    /// From the last ones; from the first ones where only those have an effect.
    private static func changes(
        since before: (initial: PropertySet, last: PropertySet),
        to new: PropertySet,
        hasCacheInstance: Bool
    ) -> ReloadOutcome {
        var outcome = ReloadOutcome()
        var reader = PropertyReader(new, OxbowProperties.catalogue)
        let inherited = OxbowProperties.catalogue.definitions.map(\.key)
        reader.addVariants(
            [OxbowProperties.cacheInstance],
            of: OxbowProperties.main,
            withoutEffect: hasCacheInstance ? nil : OxbowProperties.notSeparate
        )
        for definition in reader.catalogue.definitions where definition.withoutEffect == nil {
            // What is not set for the cache instance is as for the main one, whose change is told.
            let unset = inherited.contains(definition.key) ? definition.default : ""
            let values = [definition.isReloadable ? before.last : before.initial, new]
                .map { (definition.isSecret ? $0[definition.key]?.untrimmed : $0[definition.key]?.text) ?? unset }
            guard values[0] != values[1] else { continue }
            if definition.isReloadable {
                outcome.applied.append(definition.key)
            } else {
                outcome.restartNeeded.append(definition.key)
            }
        }
        return outcome
    }
}

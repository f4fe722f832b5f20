import CoreMetrics
import RedisClient

/// How often callers met the limits of caches: counters as those of the client that caches use.
struct CacheLimits: Sendable {
    enum Limit: String, CaseIterable {
        case loads = "maximumConcurrentLoads"
        /// Of a value that was read, or that was to be stored.
        case valueBytes = "maximumValueBytes"
        /// Counts values that are not remembered.
        case scopeEntries = "requestScopeEntries"
        case scopeBytes = "requestScopeBytes"
    }

    private let metrics: LimitMetrics<Limit>

    /// - Parameters:
    ///   - client: the settings of the client that caches use.
    ///   - factory: where the counters go.
    init(_ client: RedisClientConfiguration, _ factory: any MetricsFactory) {
        self.metrics = LimitMetrics(prefix: client.metricsPrefix, name: client.poolName, factory)
    }

    func note(_ limit: Limit) { self.metrics.note(limit) }
}

import CoreMetrics
import Synchronization

/// Connections of a client at one moment.
public struct PoolStatistics: Sendable, Hashable {
    /// Exclusive connections in use by a caller.
    public var active: Int
    /// Exclusive connections that wait for one.
    public var idle: Int
    /// Callers that wait for an exclusive connection.
    public var waiters: Int
    /// Exclusive connections in use, idle, being made or being probed, and the shared one.
    public var total: Int

    /// None at all.
    init() { (self.active, self.idle, self.waiters, self.total) = (0, 0, 0, 0) }

    init(_ state: PoolState<some Any, some Any>) {
        self.active = state.active
        self.idle = state.idle.count
        self.waiters = state.waiters.count
        self.total = state.total + 1
    }

    static func + (one: PoolStatistics, other: PoolStatistics) -> PoolStatistics {
        var sum = one
        sum.active += other.active
        sum.idle += other.idle
        sum.waiters += other.waiters
        sum.total += other.total
        return sum
    }
}

/// The gauges of a client: the sum over its pools, written at every change.
final class PoolMetrics: Sendable {
    private let active: Gauge
    private let idle: Gauge
    private let waiters: Gauge
    private let total: Gauge
    private let pools = Mutex<[ObjectIdentifier: PoolStatistics]>([:])

    init(_ configuration: RedisClientConfiguration, _ factory: any MetricsFactory) {
        func gauge(_ name: String) -> Gauge {
            Gauge(
                label: "\(configuration.metricsPrefix)_connections_num_\(name)",
                dimensions: [("name", configuration.poolName)],
                factory: factory
            )
        }
        self.active = gauge("active")
        self.idle = gauge("idle")
        self.waiters = gauge("waiters")
        self.total = gauge("total")
    }

    /// Takes in one pool's new figures; `nil` when the pool is gone.
    func record(_ figures: PoolStatistics?, of pool: ObjectIdentifier) {
        // Under the lock, so that an older sum never overwrites a newer one.
        self.pools.withLock { pools in
            pools[pool] = figures
            let sum = pools.values.reduce(PoolStatistics()) { $0 + $1 }
            self.active.record(sum.active)
            self.idle.record(sum.idle)
            self.waiters.record(sum.waiters)
            self.total.record(sum.total)
        }
    }
}

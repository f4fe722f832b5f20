import CoreMetrics

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

    init(_ state: PoolState<some Any, some Any>) {
        self.active = state.active
        self.idle = state.idle.count
        self.waiters = state.waiters.count
        self.total = state.total + 1
    }
}

/// The gauges of one pool, written at every change.
struct PoolMetrics: Sendable {
    private let active: Gauge
    private let idle: Gauge
    private let waiters: Gauge
    private let total: Gauge

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

    func record(_ figures: PoolStatistics) {
        self.active.record(figures.active)
        self.idle.record(figures.idle)
        self.waiters.record(figures.waiters)
        self.total.record(figures.total)
    }
}

package import CoreMetrics
import RESP

/// How often limits were reached: the counters `<prefix>_limits_reached_total`, one for each limit, named as the setting that
/// raises it.
package struct LimitMetrics<Limit: RawRepresentable<String> & CaseIterable & Hashable & Sendable>: Sendable {
    private let counters: [Limit: Counter]

    /// - Parameters:
    ///   - prefix: what the counters' names begin with.
    ///   - name: their label `name`: that of the pool.
    ///   - factory: where they go.
    package init(prefix: String, name: String, _ factory: any MetricsFactory) {
        let counters = Limit.allCases.map { limit in
            let dimensions = [("name", name), ("limit", limit.rawValue)]
            return (
                limit, Counter(label: "\(prefix)_limits_reached_total", dimensions: dimensions, factory: factory)
            )
        }
        self.counters = Dictionary(counters) { first, _ in first }
    }

    /// One caller has met the limit, or `count` have.
    package func note(_ limit: Limit, _ count: Int = 1) {
        if count > 0 { self.counters[limit]?.increment(by: count) }
    }
}

/// The limits of a client.
enum ClientLimit: String, CaseIterable, Sendable {
    /// Or its bytes: ``RedisClientConfiguration/maximumQueuedBytes``.
    case outstandingCommands = "maximumOutstandingCommands"
    case commandBytes = "maximumCommandBytes"
    case replies = "replyLimits"
    case connections = "pool.maximumTotal"
    /// Counts messages.
    case waitingEvents = "maximumWaitingEvents"

    /// The limit that an error tells of, if any.
    init?(_ error: RedisError) {
        switch error.code {
        case .queueFull: self = .outstandingCommands
        case .commandTooLarge: self = .commandBytes
        case .noFreeConnection: self = .connections
        case .protocolViolation where (error.cause as? RESPError)?.code == .limitExceeded: self = .replies
        default: return nil
        }
    }
}

/// The operation of a shared store that rate limiters need.
package protocol PermitStore: Sendable {
    /// Takes permits, all or none; at most ``PermitRule/mostAtOnce``. Sent at most once. The timeout limits the operation;
    /// `nil` stands for the store's own.
    func take(
        _ permits: Int,
        of key: CellName,
        by rule: PermitRule,
        timeout: Duration?
    ) async throws -> RateLimitDecision
}

/// The number of permits, and how it is counted.
package enum PermitRule: Sendable, Hashable {
    /// At most `limit` in any window.
    case slidingLog(limit: Int, microseconds: Int)
    /// One for each `interval` (in µs), `burst` of them at once.
    case gcra(interval: Double, burst: Int)

    /// The most permits that are given at once.
    var mostAtOnce: Int {
        switch self {
        case .slidingLog(let limit, _): limit
        case .gcra(_, let burst): burst
        }
    }
}

/// The permits of one key, for the store in memory; times in µs.
///
/// Decides as ``PermitScripts`` do.
package struct PermitState: Sendable {
    /// The time of each permit; for a rate, the time at which all will have returned.
    private var times: [Double] = []
    /// The time from which on nothing of it matters.
    private(set) var end = 0.0

    package init() {}

    package mutating func take(_ permits: Int, by rule: PermitRule, at time: Double) -> RateLimitDecision {
        switch rule {
        case .slidingLog(let limit, let microseconds): self.log(permits, limit, Double(microseconds), time)
        case .gcra(let interval, let burst): self.rate(permits, interval, burst, time)
        }
    }

    private mutating func log(_ permits: Int, _ limit: Int, _ window: Double, _ time: Double) -> RateLimitDecision {
        let now = max(time, self.times.last ?? 0)
        self.times.removeFirst(self.times.firstIndex { $0 > now - window } ?? self.times.count)
        let used = self.times.count
        guard used + permits <= limit else {
            let wait = self.times[used + permits - limit - 1] + window - time
            return RateLimitDecision(
                isAllowed: false,
                remaining: max(0, limit - used),
                retryAfter: .microseconds(wait.rounded(.up))
            )
        }
        self.times += repeatElement(now, count: permits)
        self.end = now + window
        return RateLimitDecision(isAllowed: true, remaining: limit - used - permits, retryAfter: .zero)
    }

    private mutating func rate(_ permits: Int, _ interval: Double, _ burst: Int, _ now: Double) -> RateLimitDecision {
        let capacity = Double(burst) * interval
        let taken = min(max(self.times.first ?? 0, now), now + capacity)
        let next = taken + Double(permits) * interval
        guard next - capacity <= now else {
            // At most what can be taken: a clock that was set back does no more harm than that.
            if !self.times.isEmpty { self.times = [min(self.times[0], taken)] }
            return RateLimitDecision(
                isAllowed: false,
                remaining: Int((capacity - (taken - now)) / interval),
                retryAfter: .microseconds((next - capacity - now).rounded(.up))
            )
        }
        self.times = [next]
        self.end = next
        return RateLimitDecision(
            isAllowed: true,
            remaining: Int((capacity - (next - now)) / interval),
            retryAfter: .zero
        )
    }
}

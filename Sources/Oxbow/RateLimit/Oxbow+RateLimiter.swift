import RedisClient

extension Oxbow {
    /// Returns a limit on how often something may be done.
    ///
    /// - Parameters:
    ///   - name: names the limit in every key; any text but the empty one.
    ///   - permits: how many are given in one period: at least 1; with ``RateLimiter/Algorithm/slidingLog`` at most 10 000,
    ///   with ``RateLimiter/Algorithm/gcra(burst:)`` at most one for each microsecond.
    ///   - period: at least a millisecond, at most ten years.
    ///   - algorithm: the way permits are counted; the sliding log by default.
    ///   - fallback: the outcome of calls that the server cannot decide; they throw by default.
    /// - Returns: the limiter; does no I/O.
    /// - Throws: ``OxbowError`` with `invalidArgument` for a value outside these ranges.
    public func rateLimiter(
        _ name: String,
        permits: Int,
        per period: Duration,
        algorithm: RateLimiter.Algorithm = .slidingLog,
        whenUnavailable fallback: RateLimiter.Fallback = .throw
    ) throws -> RateLimiter {
        guard !name.isEmpty else {
            throw OxbowError(.invalidArgument, "the name of a rate limiter must not be empty")
        }
        guard period >= .milliseconds(1), period <= .seconds(315_360_000) else {
            throw OxbowError(.invalidArgument, "the period must be a millisecond to ten years, not \(period)")
        }
        let rule = try PermitRule(algorithm, permits, microseconds: period.microseconds)
        // Never the name of a map: in those, % is encoded.
        let family =
            switch rule {
            case .slidingLog: "%log"
            case .gcra: "%rate"
            }
        // The period is part of the key, so that a limiter with another period counts for itself.
        let names = [self.initial.maps.keyPrefix, family, KeyEncoding.encode(name, isLast: false)]
        return RateLimiter(
            store: self.permitStore,
            rule: rule,
            prefix: "\(names.joined(separator: ":")):\(period.microseconds):",
            fallback: fallback,
            // A request that may go on without the server does not wait long for it.
            timeout: fallback == .throw ? nil : min(.milliseconds(500), self.initial.redis.commandTimeout)
        )
    }
}

extension PermitRule {
    /// - Throws: ``OxbowError`` with `invalidArgument`.
    fileprivate init(_ algorithm: RateLimiter.Algorithm, _ permits: Int, microseconds: Int) throws {
        guard permits >= 1 else { throw OxbowError(.invalidArgument, "permits must be at least 1, not \(permits)") }
        switch algorithm.kind {
        case .slidingLog:
            let most = RateLimiter.maximumLogPermits
            guard permits <= most else {
                throw OxbowError(
                    .invalidArgument,
                    "a sliding log holds at most \(most) permits; use gcra(burst:) for \(permits)"
                )
            }
            self = .slidingLog(limit: permits, microseconds: microseconds)
        case .gcra(let burst):
            guard burst >= 1, burst <= 1_000_000_000 else {
                throw OxbowError(.invalidArgument, "burst must be 1 to 1000000000, not \(burst)")
            }
            guard permits <= microseconds else {
                throw OxbowError(.invalidArgument, "at most one permit for each microsecond, not \(permits)")
            }
            self = .gcra(interval: Double(microseconds) / Double(permits), burst: burst)
        }
    }
}

extension Duration {
    /// Whole microseconds, for a duration that is known to be short.
    fileprivate var microseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(clamping: seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }
}

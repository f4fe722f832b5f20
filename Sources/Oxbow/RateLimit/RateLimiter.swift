import RedisClient

/// A limit on how often something may be done, kept for all app servers together.
///
///     let sms = oxbow.rateLimiter("sms", permits: 5, per: .seconds(86_400))
///     let decision = try await sms.acquire("7/42")
///     if !decision.isAllowed { throw TooMany(retryAfter: decision.retryAfter) }
///
/// Decided by the server, by its clock, one round trip each; every key has an end. A step of the server's clock forward lets
/// permits end early, one back lets them last longer. A failover may lose the last permits given.
public struct RateLimiter: Sendable {
    /// How permits are counted.
    public struct Algorithm: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case slidingLog
            case gcra(burst: Int)
        }
        let kind: Kind

        /// Never more permits than the limit in *any* window of the period's length.
        ///
        /// Keeps a time for each permit, some ten bytes: for limits up to a few thousand.
        public static var slidingLog: Algorithm { Algorithm(kind: .slidingLog) }

        /// The permits come back one by one, evenly over the period, and `burst` of them may be taken at once (the generic
        /// cell rate algorithm, ITU-T I.371).
        ///
        /// In any window of the period's length at most the limit *and* `burst` are given. Keeps one number for each key: for
        /// large limits.
        public static func gcra(burst: Int) -> Algorithm { Algorithm(kind: .gcra(burst: burst)) }
    }

    let store: any PermitStore
    let rule: PermitRule
    /// What all its keys begin with.
    let prefix: String

    /// Takes permits, all or none.
    ///
    /// - Parameters:
    ///   - key: whose limit it is; any text but the empty one.
    ///   - permits: how many; 1 by default, at least 1.
    /// - Returns: whether they were given, and how it stands.
    /// - Throws: ``OxbowError``: `invalidKey`; `notRunning`; `unavailable` when the server could not be reached in time or
    ///   refused, with ``OxbowError/delivery``: the permits may have been taken; `CancellationError`, when they may have been
    ///   taken as well.
    public func acquire(_ key: String, permits: Int = 1) async throws -> RateLimitDecision {
        precondition(permits >= 1, "at least one permit must be asked for, not \(permits)")
        guard !key.isEmpty else { throw OxbowError(.invalidKey, "a key is empty") }
        let name = CellName(encoded: self.prefix + KeyEncoding.encode(key, isLast: true))
        guard permits <= self.rule.mostAtOnce else {
            return RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: nil)
        }
        return try await callingStore { try await self.store.take(permits, of: name, by: self.rule) }
    }
}

/// What a rate limiter has decided.
public struct RateLimitDecision: Sendable, Hashable {
    /// Whether the permits were given.
    public var isAllowed: Bool
    /// How many permits more would be given at this moment, one by one; of more than can ever be given at once 0.
    public var remaining: Int
    /// After how long as many permits as were asked for are there again, if nobody else takes them; zero if they were given,
    /// `nil` if so many are never given at once.
    public var retryAfter: Duration?

    /// A decision, as for tests of what follows from one.
    public init(isAllowed: Bool, remaining: Int, retryAfter: Duration?) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.retryAfter = retryAfter
    }
}

extension Oxbow {
    /// A limit on how often something may be done.
    ///
    /// - Parameters:
    ///   - name: names the limit in every key; any text but the empty one.
    ///   - permits: how many are given in one period; at least 1, with ``RateLimiter/Algorithm/slidingLog`` at most 1 000 000,
    ///   else one each microsecond.
    ///   - period: at least a millisecond, at most ten years.
    ///   - algorithm: how they are counted; the sliding log by default.
    /// - Returns: the limiter; does no I/O.
    public func rateLimiter(
        _ name: String,
        permits: Int,
        per period: Duration,
        algorithm: RateLimiter.Algorithm = .slidingLog
    ) -> RateLimiter {
        precondition(!name.isEmpty, "a rate limiter needs a name")
        precondition(period >= .milliseconds(1) && period <= .seconds(315_360_000), "a period of \(period)")
        precondition(permits >= 1, "at least one permit must be given, not \(permits)")
        let rule: PermitRule
        // Not the name of a map: those are encoded.
        let family: String
        switch algorithm.kind {
        case .slidingLog:
            precondition(permits <= 1_000_000, "a sliding log holds at most 1 000 000 permits: use gcra for \(permits)")
            rule = .slidingLog(limit: permits, microseconds: period.microseconds)
            family = "%log"
        case .gcra(let burst):
            precondition(burst >= 1 && burst <= 1_000_000_000, "a burst of \(burst)")
            precondition(permits <= period.microseconds, "\(permits) permits in \(period) are more than one each µs")
            rule = .gcra(interval: Double(period.microseconds) / Double(permits), burst: burst)
            family = "%rate"
        }
        // With the period: another one counts for itself.
        let names = [self.initial.maps.keyPrefix, family, KeyEncoding.encode(name, isLast: false)]
        let prefix = "\(names.joined(separator: ":")):\(period.microseconds):"
        return RateLimiter(store: self.permitStore, rule: rule, prefix: prefix)
    }
}

extension Duration {
    /// Whole microseconds; of what is checked to be short.
    fileprivate var microseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(clamping: seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }
}

import RedisClient

/// A limit on how often something may be done, kept for all app servers together.
///
///     let sms = try oxbow.rateLimiter("sms", permits: 5, per: .seconds(86_400))
///     let decision = try await sms.acquire("7/42")
///     if !decision.isAllowed { throw TooMany(retryAfter: decision.retryAfter) }
///
/// The server decides, by its clock, in one round trip; every key has a TTL. A step of the server's clock forward ends permits
/// early, a step back makes them last longer. A failover may lose the last permits given.
public struct RateLimiter: Sendable {
    /// The way permits are counted.
    public struct Algorithm: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case slidingLog
            case gcra(burst: Int)
        }
        let kind: Kind

        /// A log of permits: never more than the limit in *any* window of the period's length.
        ///
        /// Keeps a time for each permit, about 20 bytes, so the limit is at most 10 000.
        public static var slidingLog: Algorithm { Algorithm(kind: .slidingLog) }

        /// The generic cell rate algorithm (ITU-T I.371): permits return one by one, evenly over the period, and `burst` of
        /// them may be taken at once.
        ///
        /// In any window of the period's length at most the limit *and* `burst` are given. Keeps one number for each key: for
        /// large limits. `burst` is 1 … 1 000 000 000.
        public static func gcra(burst: Int) -> Algorithm { Algorithm(kind: .gcra(burst: burst)) }
    }

    /// The outcome of a call that the server cannot decide.
    public struct Fallback: Sendable, Hashable {
        enum Kind: Sendable, Hashable { case `throw`, allow, deny }
        let kind: Kind

        /// The call throws ``OxbowError`` with `unavailable`.
        public static var `throw`: Fallback { Fallback(kind: .throw) }
        /// The limiter fails open: the call is allowed.
        public static var allow: Fallback { Fallback(kind: .allow) }
        /// The limiter fails closed: the call is denied.
        public static var deny: Fallback { Fallback(kind: .deny) }

        /// The decision without the server; `nil` for none.
        var decision: RateLimitDecision? {
            switch self.kind {
            case .throw: nil
            case .allow: RateLimitDecision(isAllowed: true, remaining: 0, retryAfter: .zero, isFallback: true)
            case .deny: RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: nil, isFallback: true)
            }
        }
    }

    /// The most permits of a sliding log: what a server decides in about a millisecond.
    static let maximumLogPermits = 10_000

    let store: any PermitStore
    let rule: PermitRule
    /// The first part of all its keys.
    let prefix: String
    let fallback: Fallback
    /// The timeout of calls that give none; `nil` for the store's own.
    let timeout: Duration?

    /// Takes permits, all or none.
    ///
    /// - Parameters:
    ///   - key: the one that is limited: a user, an address; any text but the empty one.
    ///   - permits: how many; 1 by default, at least 1.
    ///   - timeout: the limit of the call, the wait for a connection included; by default the client's `commandTimeout`, and at
    ///   most 500 ms for a limiter with the fallback `allow` or `deny`. A limiter in memory ignores it.
    /// - Returns: the decision: the server's, or the fallback's if the server did not answer in time or refused.
    /// - Throws: ``OxbowError``: `invalidKey`; `invalidArgument` for less than one permit; `notRunning`, with any fallback;
    ///   `unavailable` when the server did not answer in time or refused and the fallback is `throw`, where
    ///   ``OxbowError/delivery`` says whether the permits may have been taken. `CancellationError`, when they may have been
    ///   taken as well.
    public func acquire(
        _ key: String,
        permits: Int = 1,
        timeout: Duration? = nil
    ) async throws -> RateLimitDecision {
        guard permits >= 1 else { throw OxbowError(.invalidArgument, "permits must be at least 1, not \(permits)") }
        guard !key.isEmpty else { throw OxbowError(.invalidKey, "a key is empty") }
        let name = CellName(encoded: self.prefix + KeyEncoding.encode(key, isLast: true))
        guard permits <= self.rule.mostAtOnce else {
            return RateLimitDecision(isAllowed: false, remaining: 0, retryAfter: nil)
        }
        do {
            return try await callingStore {
                try await self.store.take(permits, of: name, by: self.rule, timeout: timeout ?? self.timeout)
            }
        } catch let error as OxbowError where error.code == .unavailable {
            guard let decision = self.fallback.decision else { throw error }
            return decision
        }
    }
}

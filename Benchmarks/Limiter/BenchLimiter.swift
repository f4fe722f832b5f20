import Oxbow
import RedisClient

/// What gives the permits.
struct BenchLimiter: Codable, Sendable {
    enum Algorithm: String, Codable, Sendable, CaseIterable {
        case slidingLog, gcra
        /// The yardstick: a counter that begins anew with each window (INCR, and PEXPIRE for the first).
        case fixedWindow
    }

    var algorithm: Algorithm
    var permits: Int
    var windowMillis: Int

    /// Permits that GCRA gives at once.
    static let burst = 10

    /// The most in any window, as it is promised; of the yardstick, as one would like.
    var bound: Int { self.permits + (self.algorithm == .gcra ? Self.burst : 0) }

    private static let counting = Script(
        """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return count
        """
    )

    /// - Returns: asks for a permit of a key.
    func acquirer(on oxbow: Oxbow) throws -> @Sendable (_ key: String) async throws -> Bool {
        let algorithm: RateLimiter.Algorithm
        switch self.algorithm {
        case .slidingLog: algorithm = .slidingLog
        case .gcra: algorithm = .gcra(burst: Self.burst)
        case .fixedWindow:
            guard let client = oxbow.client else { throw BenchmarkError("this needs a server") }
            let (permits, window) = (self.permits, self.windowMillis)
            return { key in
                let call = ScriptCall(Self.counting, keys: "fixed:\(key)", arguments: window, returning: Int.self)
                return try await client.execute(call) <= permits
            }
        }
        let limiter = try oxbow.rateLimiter(
            "bench",
            permits: self.permits,
            per: .milliseconds(self.windowMillis),
            algorithm: algorithm
        )
        return { key in try await limiter.acquire(key).isAllowed }
    }
}

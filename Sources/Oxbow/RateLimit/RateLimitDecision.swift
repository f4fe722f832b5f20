/// The decision of a rate limiter.
public struct RateLimitDecision: Sendable, Hashable {
    /// Whether the permits were given.
    public var isAllowed: Bool
    /// How many more permits could be taken at this moment, one by one; 0 if more were asked for than are ever given at once,
    /// and in a fallback.
    public var remaining: Int
    /// After which time the permits asked for are available, if no other caller takes any; zero if they were given; `nil` if
    /// as many are never given at once, and if a fallback denied them.
    ///
    /// By the server's clock: too short if that is set back afterwards.
    public var retryAfter: Duration?
    /// Whether ``RateLimiter/Fallback`` decided, because the server could not.
    public var isFallback: Bool

    /// Creates a decision, for tests of code that receives one.
    public init(isAllowed: Bool, remaining: Int, retryAfter: Duration?, isFallback: Bool = false) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.retryAfter = retryAfter
        self.isFallback = isFallback
    }
}

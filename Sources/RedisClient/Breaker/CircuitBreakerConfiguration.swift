import Resilience

/// When a client stops sending to servers that fail, and what counts as a failure.
///
/// Open, calls fail at once with `circuitOpen`; health checks pass by, and what an `Oxbow` still owes the server. What counts: no connection within the deadline
/// (`cannotConnect`), a connection that was lost before the reply (`connectionClosed`) and, by default, a time-out. An error that
/// the server answers with is an answer. A call that its caller gives less than 50 ms may time out without counting.
public struct CircuitBreakerConfiguration: Sendable, Hashable {
    /// So many failures among the last ``failureExecutions`` open it; 5 by default.
    public var failureThreshold = 5
    /// How many executions are looked at; 0, the default, or less than the threshold: as many as the threshold.
    public var failureExecutions = 0
    /// When it was open for ``delay``, a few calls try the server: so many successes among ``successExecutions`` close it; 2
    /// by default.
    public var successThreshold = 2
    /// How many calls try; 0, the default, or less than the threshold: as many as the threshold.
    public var successExecutions = 0
    /// How long it stays open; 60 s by default.
    public var delay: Duration = .seconds(60)
    /// Whether a time-out is a failure; `true` by default.
    ///
    /// Otherwise a server that hangs opens it later, when connections to it have been given up.
    public var countsTimeouts = true
    /// What its metrics are called: `<prefix>_state`, `<prefix>_opens_total`, `<prefix>_denials_total`; `circuitbreaker` by
    /// default.
    ///
    /// Their labels are `name`, as the pool's, and `host`, the first address that the client was given.
    public var metricsPrefix = "circuitbreaker"

    /// The defaults named at each property.
    public init() {}

    var thresholds: CircuitBreaker.Configuration {
        var thresholds = CircuitBreaker.Configuration()
        thresholds.failureThreshold = self.failureThreshold
        thresholds.failureExecutions = self.failureExecutions
        thresholds.successThreshold = self.successThreshold
        thresholds.successExecutions = self.successExecutions
        thresholds.delay = self.delay
        return thresholds
    }

    /// - Throws: ``RedisError`` with `invalidConfiguration` for the first setting that cannot work.
    func validate() throws {
        for (name, number, least) in [
            ("failureThreshold", self.failureThreshold, 1),
            ("failureExecutions", self.failureExecutions, 0),
            ("successThreshold", self.successThreshold, 1),
            ("successExecutions", self.successExecutions, 0),
        ] where !(least...1_000_000).contains(number) {
            throw RedisError(.invalidConfiguration, "breaker.\(name) must be from \(least) to 1000000, not \(number)")
        }
        if self.delay < .zero {
            throw RedisError(.invalidConfiguration, "breaker.delay must be at least 0, not \(self.delay)")
        }
    }
}

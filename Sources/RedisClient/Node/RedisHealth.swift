/// How the servers of a client are, at one moment.
public struct RedisHealth: Sendable, Hashable {
    /// What the circuit breaker does with calls.
    public enum Breaker: String, Sendable, Hashable {
        /// Lets all pass.
        case closed
        /// Denies all.
        case open
        /// Lets a few try.
        case halfOpen
    }

    /// One server.
    public struct Node: Sendable, Hashable {
        /// Where it is.
        public var address: RedisAddress
        /// What it is used as; `nil` where any role will do and it has not said which it has.
        public var role: ServerInfo.Role?
        /// How long it took to answer PING and INFO; `nil`: it did not answer in time.
        public var latency: Duration?
        /// What it said of itself when it was connected to; `nil` while there is no connection.
        public var server: ServerInfo?
        /// What it does when it is full, such as `allkeys-lru`; `nil` where it did not say.
        public var evictionPolicy: String?
        /// Why it does not answer, or the error that it answers with; for logs, without secrets.
        public var error: String?

        /// Whether it answers, and not with an error.
        public var isHealthy: Bool { self.latency != nil && self.error == nil }
    }

    /// The servers that the client uses; none while the master, or the cluster, is not known yet.
    public var nodes: [Node]
    /// The circuit breaker; `nil` if there is none.
    public var breaker: Breaker?
    /// The connections.
    public var pool: PoolStatistics

    /// Whether all masters answer.
    ///
    /// Of servers that did not say what they are, all.
    public var isReachable: Bool {
        let masters = self.nodes.filter { $0.role != .replica }
        return !masters.isEmpty && masters.allSatisfy(\.isHealthy)
    }
}

public import RedisClient

/// How an instance is, at one moment: for health checks of the app server.
///
/// Caches work without their servers, and so does an app server whose health check fails with them: tell "worse" from "down".
public struct OxbowHealth: Sendable, Hashable {
    /// The main instance's servers; `nil` in memory.
    public var main: RedisHealth?
    /// The servers of the separate instance for caches; `nil` if there is none.
    public var cache: RedisHealth?
    /// Invalidations that could not be carried out yet.
    public var journal: InvalidationJournalStatistics

    /// Whether caches may store values: not where the server's user may not run their scripts.
    public var canStore: Bool

    /// Whether caches can store, all masters answer, no breaker denies all calls, no invalidation is owed, and no master is recovering.
    public var isHealthy: Bool {
        let isSound = [self.main, self.cache]
            .allSatisfy { health in
                health.map { $0.isReachable && $0.breaker != .open } ?? true
            }
        let isQuiet = self.journal.pending == 0 && self.journal.bypassedCaches == 0
        return isSound && isQuiet && self.canStore && self.journal.recoveringMasters == 0
    }
}

extension Oxbow {
    /// Asks all servers how they are, past the circuit breaker.
    ///
    /// - Parameter timeout: for all of them together; 1 s by default.
    /// - Returns: within `timeout`, whatever the servers do.
    public func health(timeout: Duration = .seconds(1)) async -> OxbowHealth {
        let separate = self.cacheClient === self.client ? nil : self.cacheClient
        async let main = self.client?.health(timeout: timeout)
        async let cache = separate?.health(timeout: timeout)
        return OxbowHealth(
            main: await main,
            cache: await cache,
            journal: self.invalidationJournal,
            canStore: self.store.canFill && !self.storeMonitor.refusesFills
        )
    }
}

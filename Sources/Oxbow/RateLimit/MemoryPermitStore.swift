import Synchronization

/// Permits within one process, for development and for users' unit tests; timeouts have no effect.
package final class MemoryPermitStore: PermitStore {
    private struct State {
        var permits: [CellName: PermitState] = [:]
        /// The number of keys at which ended ones are removed.
        var most: Int
    }

    private let state: Mutex<State>
    private let maximumKeys: Int
    private let start: ContinuousClock.Instant
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameters:
    ///   - maximumKeys: the most keys; beyond that the tenth of them that ends first is removed, with its permits.
    ///   - now: the clock; tests set it.
    package init(
        maximumKeys: Int = 100_000,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.maximumKeys = maximumKeys
        self.state = Mutex(State(most: min(10_000, maximumKeys)))
        self.now = now
        self.start = now()
    }

    /// The number of keys, ended ones included.
    package var count: Int { self.state.withLock { $0.permits.count } }

    package func take(
        _ permits: Int,
        of key: CellName,
        by rule: PermitRule,
        timeout: Duration?
    ) async throws -> RateLimitDecision {
        let time = self.start.duration(to: self.now()) / .microseconds(1)
        return self.state.withLock { state in
            if state.permits.count >= state.most, state.permits[key] == nil {
                state.permits = state.permits.filter { $0.value.end > time }
                if state.permits.count >= self.maximumKeys {
                    let byEnd = state.permits.sorted { $0.value.end < $1.value.end }
                    for (key, _) in byEnd.prefix(max(1, self.maximumKeys / 10)) { state.permits[key] = nil }
                }
                // Not again for each of the next keys.
                state.most = min(self.maximumKeys, max(10_000, 2 * state.permits.count))
            }
            return state.permits[key, default: PermitState()].take(permits, by: rule, at: time)
        }
    }
}

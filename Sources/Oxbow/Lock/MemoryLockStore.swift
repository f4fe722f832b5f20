import Synchronization

/// Locks within one process.
package final class MemoryLockStore: LockStore {
    package let evictionPolicy: String? = nil

    private struct Lock {
        var owner: Token
        var end: ContinuousClock.Instant
    }

    private struct State {
        var locks: [LockName: Lock] = [:]
        var lastFence: UInt64 = 0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter now: the clock; tests turn it by hand.
    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) { self.now = now }

    package func take(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        confirmedBy replicas: Int,
        within timeout: Duration?
    ) async throws -> LockAnswer {
        let now = self.now()
        return self.state.withLock { state in
            if let owner = state.locks[lock], owner.end > now, owner.owner != token { return .held }
            if replicas > 0 { return .unconfirmed(0) }
            state.locks[lock] = Lock(owner: token, end: now + lease)
            state.lastFence += 1
            return .taken(fence: state.lastFence)
        }
    }

    package func renew(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        within timeout: Duration
    ) async throws -> Bool {
        let now = self.now()
        return self.state.withLock { state in
            guard let owner = state.locks[lock], owner.owner == token, owner.end > now else { return false }
            state.locks[lock]?.end = now + lease
            return true
        }
    }

    package func release(_ lock: LockName, _ token: Token, within timeout: Duration?) async throws -> LockReturn {
        let now = self.now()
        return self.state.withLock { state in
            guard let owner = state.locks[lock], owner.owner == token else { return .notHeld }
            state.locks[lock] = nil
            return owner.end > now ? .released : .notHeld
        }
    }

    /// Reads again every 50 ms: the callers of `withLock` wait in the queue of their process, so that few come here.
    package func wait(for lock: LockName, until end: ContinuousClock.Instant) async throws {
        while let rest = self.state.withLock({ $0.locks[lock]?.end }), rest > self.now(), ContinuousClock.now < end {
            try await Task.sleep(until: min(end, rest, .now + .milliseconds(50)), clock: .continuous)
        }
    }
}

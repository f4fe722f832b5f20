import Oxbow
import Synchronization

/// Locks in memory whose taking is answered when the lease is long over, or never.
final class SlowLockStore: LockStore {
    private let locks = MemoryLockStore()
    private let delay: Duration
    let releases = Counter()
    let evictionPolicy: String? = nil

    init(delay: Duration) { self.delay = delay }

    func take(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        confirmedBy replicas: Int,
        within timeout: Duration?
    ) async throws -> LockAnswer {
        try await Task.sleep(for: self.delay)
        return try await self.locks.take(lock, token, for: lease, confirmedBy: replicas, within: timeout)
    }

    func renew(_ lock: LockName, _ token: Token, for lease: Duration, within timeout: Duration) async throws -> Bool {
        try await self.locks.renew(lock, token, for: lease, within: timeout)
    }

    func release(_ lock: LockName, _ token: Token, within timeout: Duration?) async throws -> LockReturn {
        self.releases.increment()
        return try await self.locks.release(lock, token, within: timeout)
    }

    func wait(for lock: LockName, until end: ContinuousClock.Instant) async throws {
        try await self.locks.wait(for: lock, until: end)
    }
}

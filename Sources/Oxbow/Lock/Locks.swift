import Logging
import RedisClient
import Resilience
import Synchronization

/// The locks of one instance.
final class Locks: Sendable {
    let store: any LockStore
    let prefix: String
    let logger: Logger
    let counters = LockCounters()
    /// Releases what could not be released at once; runs with the instance.
    let background = BackgroundWork()
    /// The queue of this process for each lock, and the number of its users: one of them asks the server.
    private let lines = Mutex<[LockName: (line: PlaceLine, users: Int)]>([:])

    private let hasWarned = Atomic<Bool>(false)

    /// Ten years: as good as for ever, and no clock overflows.
    static let longest = Duration.seconds(315_360_000)

    init(store: any LockStore, prefix: String, logger: Logger) {
        self.store = store
        self.prefix = prefix
        self.logger = logger
    }

    /// Checks a caller's arguments.
    ///
    /// - Throws: ``OxbowError`` with `invalidArgument`.
    static func validate(name: String, lease: Duration, replicas: Int = 0) throws {
        guard !name.isEmpty else { throw OxbowError(.invalidArgument, "the name of a lock is empty") }
        guard lease >= .milliseconds(100), lease <= Self.longest else {
            throw OxbowError(.invalidArgument, "a lease of \(lease): it must be from 100 ms to ten years")
        }
        guard replicas >= 0 else { throw OxbowError(.invalidArgument, "confirmation by \(replicas) replicas") }
    }

    /// Runs `body` under a lock.
    ///
    /// - Returns: `nil` if the lock was held by another caller until `end`.
    func with<Result>(
        _ name: String,
        until end: ContinuousClock.Instant,
        lease length: Duration,
        confirmedBy replicas: Int,
        _ body: (LockLease) async throws -> Result
    ) async throws -> Result? {
        try Self.validate(name: name, lease: length, replicas: replicas)
        let lock = LockName(prefix: self.prefix, name)
        // It would wait for itself.
        if self.isHeldByThisTask(lock) { return self.refused() }
        let line = self.enter(lock)
        defer { self.leave(lock) }
        guard let place = try await line.place(of: 1, until: end) else { return self.refused() }
        // Early where the lease ends before the body does.
        defer { place.giveBack() }
        guard let lease = try await self.acquire(name, lock, length, replicas, until: end) else {
            return self.refused()
        }
        return try await self.hold(lease, place, body)
    }

    private func refused<Result>() -> Result? {
        self.counters.refused.increment()
        return nil
    }

    /// Takes the lock as soon as no other caller has it.
    private func acquire(
        _ name: String,
        _ lock: LockName,
        _ length: Duration,
        _ replicas: Int,
        until end: ContinuousClock.Instant
    ) async throws -> LockLease? {
        let token = Token.random()
        while true {
            let asked = ContinuousClock.now
            let timeout = LockTimeout.rest(until: end)
            switch try await self.take(lock, token, for: length, confirmedBy: replicas, within: timeout) {
            case .taken(let fence):
                let lease = LockLease(name, lock, token, fence: fence, LeaseState(length, asked: asked))
                try self.check(lease, lasting: length)
                self.noteAcquired()
                return lease
            case .unconfirmed(let count):
                throw OxbowError(.notReplicated, "\(count) replicas have confirmed the lock, not \(replicas)")
            case .held:
                guard ContinuousClock.now < end else { return nil }
                try await callingStore { try await self.store.wait(for: lock, until: end) }
            }
        }
    }

    /// Counts a lock, and says once that the server may evict it.
    func noteAcquired() {
        self.counters.acquired.increment()
        guard let policy = self.store.evictionPolicy, !self.hasWarned.exchange(true, ordering: .relaxed) else { return }
        self.logger.warning(
            "the server may evict locks when memory is short: use noeviction where the locks are",
            metadata: ["maxmemory-policy": "\(policy)"]
        )
    }

    /// Tries to take a lock once; releases one that may have been taken although the server did not answer.
    func take(
        _ lock: LockName,
        _ token: Token,
        for length: Duration,
        confirmedBy replicas: Int,
        within timeout: Duration?
    ) async throws -> LockAnswer {
        do {
            return try await callingStore {
                try await self.store.take(lock, token, for: length, confirmedBy: replicas, within: timeout)
            }
        } catch {
            // With replicas the failure may be that of a later command; what was refused may have been sent before.
            if replicas == 0, (error as? OxbowError)?.delivery == .notSent { throw error }
            // At once, where the connection still works: before the next request of this process.
            let answer = try? await self.store.release(lock, token, within: .milliseconds(1))
            if answer != .released { self.releaseLater(lock, token, lasting: length) }
            throw error
        }
    }

    /// - Throws: ``OxbowError`` when the lease has ended before the answer came.
    func check(_ lease: LockLease, lasting length: Duration) throws {
        guard !lease.isValid else { return }
        self.releaseLater(lease.lock, lease.token, lasting: length)
        throw OxbowError(.unavailable, "the server took longer to answer than the lease lasts")
    }

    /// Releases a lock without a holder as soon as the server can be reached.
    ///
    /// So that no caller waits for the end of its lease.
    /// Retries for as long as the lease lasts if the server begins it now, but for ten minutes at most.
    func releaseLater(_ lock: LockName, _ token: Token, lasting length: Duration) {
        let end = ContinuousClock.now + min(length + length / 50, .seconds(600))
        // Where there is no room for it, or the instance does not run, the lease's end does it.
        _ = self.background.submit {
            var pause = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
            var absences = 0
            repeat {
                switch try? await self.store.release(lock, token) {
                case .released: return
                // The request that takes it may be still on its way, over another connection.
                case .notHeld, .inDoubt: absences += 1
                case nil: break
                }
                if absences == 3 { return }
                try? await Task.sleep(for: pause.next(random: .random(in: 0..<1)))
            } while ContinuousClock.now < end && !Task.isCancelled
        }
    }

    // MARK: The queues of this process

    private func enter(_ lock: LockName) -> PlaceLine {
        self.lines.withLock { lines in
            let line = lines[lock]?.line ?? PlaceLine()
            lines[lock] = (line, (lines[lock]?.users ?? 0) + 1)
            return line
        }
    }

    private func leave(_ lock: LockName) {
        self.lines.withLock { lines in
            guard let entry = lines[lock] else { return }
            lines[lock] = entry.users > 1 ? (entry.line, entry.users - 1) : nil
        }
    }
}

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
    /// Gives back what could not be given back at once; runs with the instance.
    let background = BackgroundWork()
    /// Who wants the same lock in this process, and how many they are: one of them asks the server.
    private let lines = Mutex<[LockName: (line: PlaceLine, users: Int)]>([:])

    /// Ten years: as good as for ever, and no clock overflows.
    static let longest = Duration.seconds(315_360_000)

    /// The lease of a task whose interval is longer, once that comes to its end.
    private static let taskLease = Duration.seconds(30)

    /// The leases of this task and those around it.
    @TaskLocal static var held: [Held] = []

    struct Held: Sendable {
        let locks: ObjectIdentifier
        let lease: LockLease
    }

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

    /// The lease that this task holds already.
    func held(_ lock: LockName) -> LockLease? {
        let own = Self.held.last { $0.locks == ObjectIdentifier(self) && $0.lease.lock == lock }
        return own.flatMap { $0.lease.isValid ? $0.lease : nil }
    }

    /// Runs `body` under a lock.
    ///
    /// - Returns: `nil` if somebody else had the lock for as long as was to be waited.
    func with<Result: Sendable>(
        _ name: String,
        until end: ContinuousClock.Instant,
        lease length: Duration,
        confirmedBy replicas: Int,
        _ body: sending (LockLease) async throws -> Result
    ) async throws -> Result? {
        try Self.validate(name: name, lease: length, replicas: replicas)
        let lock = LockName(prefix: self.prefix, name)
        if let lease = self.held(lock) {
            let result = try await body(lease)
            // A task that was begun in the outer body and goes on behind it.
            try lease.check()
            return result
        }
        let line = self.enter(lock)
        defer { self.leave(lock) }
        guard let place = try await line.place(of: 1, until: end) else { return self.refused() }
        // Early where the lease ends before the body does.
        defer { place.giveBack() }
        guard let lease = try await self.acquire(name, lock, length, replicas, until: end) else {
            return self.refused()
        }
        return try await self.hold(lease, place, releasing: true, body)
    }

    private func refused<Result>() -> Result? {
        self.counters.refused.increment()
        return nil
    }

    /// Does a job under a lock that is left to expire, so that it is done once in an interval.
    ///
    /// - Returns: whether it was done here; if not, the lock may be free now, or the interval is over.
    func once(_ name: String, in interval: Duration, _ job: @escaping @Sendable () async throws -> Void) async throws
        -> Bool
    {
        let (lock, token) = (LockName(prefix: self.prefix, task: name), Token.random())
        let asked = ContinuousClock.now
        let answer = try await self.take(lock, token, for: interval, confirmedBy: 0, within: nil)
        guard case .taken(let fence) = answer else {
            try await callingStore { try await self.store.wait(for: lock, until: asked + interval) }
            return false
        }
        // A job that is over long before the interval does not prolong it; whether the lock is there is looked at all along.
        let state = LeaseState(min(interval, Self.taskLease), asked: asked, until: asked + interval)
        let lease = LockLease(name, lock, token, fence: fence, state)
        try self.check(lease, lasting: interval)
        self.counters.acquired.increment()
        try await self.hold(lease, releasing: false) { _ in try await job() }
        if lease.update({ $0.isProlonged }) {
            // The next turn comes when it would have come without that.
            let rest = max(.milliseconds(1), ContinuousClock.now.duration(to: asked + interval))
            _ = try? await self.store.renew(lock, token, for: rest, within: .seconds(2))
        }
        return true
    }

    /// Takes the lock, as soon as nobody else has it.
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
                self.counters.acquired.increment()
                return lease
            case .unconfirmed(let count):
                throw OxbowError(.notReplicated, "\(count) replicas have confirmed the lock, not \(replicas)")
            case .held:
                guard ContinuousClock.now < end else { return nil }
                try await callingStore { try await self.store.wait(for: lock, until: end) }
            }
        }
    }

    /// Tries to take a lock once; one that may have been taken although the server did not answer is given back.
    private func take(
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
            // What replicas were to confirm may have failed behind the taking, and what was refused may have been sent before.
            if replicas == 0, (error as? OxbowError)?.delivery == .notSent { throw error }
            // At once, where the connection still works: before what this process asks for next.
            let answer = try? await self.store.release(lock, token, within: .milliseconds(1))
            if answer != .released { self.giveBackLater(lock, token, lasting: length) }
            throw error
        }
    }

    /// - Throws: ``OxbowError`` when the lease has ended before the answer came.
    private func check(_ lease: LockLease, lasting life: Duration) throws {
        guard !lease.isValid else { return }
        self.giveBackLater(lease.lock, lease.token, lasting: life)
        throw OxbowError(.unavailable, "the server took longer to answer than the lease lasts")
    }

    /// Gives a lock back as soon as the server can be asked: nobody must wait for the end of a lease that nobody has.
    ///
    /// For as long as the lease lasts if the server begins it now, but for ten minutes at the most.
    private func giveBackLater(_ lock: LockName, _ token: Token, lasting life: Duration) {
        let end = ContinuousClock.now + min(life + life / 50, .seconds(600))
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

    /// Runs `body`, and renews the lease meanwhile; cancels `body` when the lease has ended.
    private func hold<Result: Sendable>(
        _ lease: LockLease,
        _ place: PlaceLine.Place? = nil,
        releasing: Bool,
        _ body: sending (LockLease) async throws -> Result
    ) async throws -> Result {
        let ticks = Ticks()
        let held = Self.held + [Held(locks: ObjectIdentifier(self), lease: lease)]
        let isLost: Bool
        do {
            async let outcome = Self.outcome(of: body, lease, held, ticks)
            // By this task itself, and not ended by its cancellation: the body may take its time to follow.
            isLost = await self.keep(lease, ticks)
            if !isLost {
                let result = await outcome
                let wasHeld = releasing ? await self.release(lease) : lease.isValid
                let value = try result.get()
                guard wasHeld else { throw OxbowError(.leaseEnded, "the lock was gone when its holder released it") }
                return value
            }
            // Before the body has followed: others may have the lock already.
            place?.giveBack()
        }
        // The body has followed. The server may have heard each renewal, and nobody its answer.
        if releasing { self.giveBackLater(lease.lock, lease.token, lasting: lease.update { $0.length }) }
        throw OxbowError(.leaseEnded, "the lock was lost while its holder was at work")
    }

    private static func outcome<Result: Sendable>(
        of body: sending (LockLease) async throws -> Result,
        _ lease: LockLease,
        _ held: [Held],
        _ ticks: Ticks
    ) async -> Swift.Result<Result, any Error> {
        defer { ticks.end() }
        do {
            return .success(try await Self.$held.withValue(held) { try await body(lease) })
        } catch {
            return .failure(error)
        }
    }

    /// - Returns: whether the lease has ended before the body has.
    private func keep(_ lease: LockLease, _ ticks: Ticks) async -> Bool {
        while await ticks.next(after: lease.update { $0.pause(at: .now) }) {
            let asked = ContinuousClock.now
            guard lease.isValid else { return self.lose(lease, "its end has come, and the server could not be asked") }
            let (life, timeout) = lease.update { ($0.life(at: asked), $0.renewalTimeout(at: asked)) }
            do {
                guard try await self.store.renew(lease.lock, lease.token, for: life, within: timeout) else {
                    return self.lose(lease, "the server does not have it any more")
                }
                lease.update { $0.renewed(for: life, asked: asked, at: .now) }
            } catch {
                lease.update { $0.failed(at: .now) }
            }
        }
        return false
    }

    private func lose(_ lease: LockLease, _ reason: String) -> Bool {
        lease.update { $0.finish() }
        self.counters.lost.increment()
        self.logger.warning("lock lost", metadata: ["lock": "\(lease.name)", "reason": "\(reason)"])
        return true
    }

    /// Releases the lock at the end of the body.
    ///
    /// - Returns: whether it was held until then: for all that is known, if the server does not answer.
    private func release(_ lease: LockLease) async -> Bool {
        // A process that stood still may find out here only.
        let wasValid = lease.isValid
        lease.update { $0.finish() }
        let answer = try? await self.store.release(lease.lock, lease.token)
        if answer == nil { self.giveBackLater(lease.lock, lease.token, lasting: lease.update { $0.length }) }
        guard wasValid, answer != .notHeld else {
            _ = self.lose(lease, wasValid ? "it was gone when it was released" : "it had expired when it was released")
            return false
        }
        return true
    }

    // MARK: The lines of this process

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

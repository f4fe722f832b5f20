import Logging

/// Holding a lock: the body, the watchdog beside it, and the release.
extension Locks {
    /// Runs `body`, renews the lease meanwhile, and releases the lock.
    ///
    /// - Throws: the error of `body`; ``OxbowError`` with `leaseEnded` when the lock was lost.
    func hold<Result>(
        _ lease: LockLease,
        _ place: PlaceLine.Place,
        _ body: (LockLease) async throws -> Result
    ) async throws -> Result {
        guard let outcome = await self.work(under: lease, in: place, body) else {
            // The server may have carried out renewals whose answers were lost.
            self.releaseLater(lease.lock, lease.token, lasting: lease.update { $0.length })
            throw OxbowError(.leaseEnded, "the lock was lost while its holder was at work")
        }
        let wasHeld = await self.release(lease)
        let result = try outcome.get()
        guard wasHeld else { throw OxbowError(.leaseEnded, "the lock was gone when its holder released it") }
        return result
    }

    /// Runs `body` in a child task, and renews the lease meanwhile; cancels `body` when the lease has ended.
    ///
    /// - Returns: the outcome of `body`; `nil` if the lease ended before: `body` has returned then, too.
    func work<Result>(
        under lease: LockLease,
        in place: PlaceLine.Place? = nil,
        _ body: (LockLease) async throws -> Result
    ) async -> Swift.Result<Result, any Error>? {
        let isolation = #isolation
        // A function: of a closure Swift 6.3 says that it sends `body`.
        func run(_ body: @escaping (LockLease) async throws -> Result) async -> Swift.Result<Result, any Error>? {
            let ticks = Ticks()
            let held = Self.heldByThisTask
            let transfer = Transfer(body)
            async let outcome = self.outcome(of: transfer, on: isolation, lease, held, ticks)
            // Not ended by cancellation: the body may take its time to follow.
            guard await self.keep(lease, ticks) else { return unsafe await outcome.value }
            // Before the body has followed: other callers may have the lock already.
            place?.giveBack()
            return nil
        }
        return await withoutActuallyEscaping(body, do: run)
    }

    /// Runs `body` where the caller is isolated.
    private func outcome<Result>(
        of body: Transfer<(LockLease) async throws -> Result>,
        on isolation: isolated (any Actor)?,
        _ lease: LockLease,
        _ outer: [Held],
        _ ticks: Ticks
    ) async -> Transfer<Swift.Result<Result, any Error>> {
        defer { ticks.end() }
        let held = outer + [Held(locks: ObjectIdentifier(self), lease: lease, task: Self.taskIdentity)]
        do {
            let result = try await Self.$chain.withValue(held) {
                // Not only a check: without a use of the isolation Swift 6.3 leaves the hop to it out.
                isolation?.preconditionIsolated()
                return try await unsafe body.value(lease)
            }
            return Transfer(.success(result))
        } catch {
            return Transfer(.failure(error))
        }
    }

    /// Renews the lease until the body has ended.
    ///
    /// Not in the caller's isolation, where the body may be busy.
    ///
    /// - Returns: whether the lease has ended before the body has.
    @concurrent
    private func keep(_ lease: LockLease, _ ticks: Ticks) async -> Bool {
        while await ticks.next(after: lease.update { $0.pause(at: .now) }) {
            let asked = ContinuousClock.now
            guard lease.isValid else {
                self.lose(lease, "it has expired: the server could not be asked")
                return true
            }
            let (life, timeout) = lease.update { ($0.life(at: asked), $0.renewalTimeout(at: asked)) }
            do {
                guard try await self.store.renew(lease.lock, lease.token, for: life, within: timeout) else {
                    self.lose(lease, "the server does not have it any more")
                    return true
                }
                lease.update { $0.renewed(for: life, asked: asked, at: .now) }
            } catch {
                lease.update { $0.failed(at: .now) }
            }
        }
        return false
    }

    /// Ends a lease that was lost, counts and logs that.
    func lose(_ lease: LockLease, _ reason: String) {
        lease.update { $0.finish() }
        self.counters.lost.increment()
        self.logger.warning("lock lost", metadata: ["lock": "\(lease.name)", "reason": "\(reason)"])
    }

    /// Releases the lock at the end of the body.
    ///
    /// - Returns: whether it was held until then: for all that is known, if the server does not answer.
    func release(_ lease: LockLease) async -> Bool {
        // A process that stood still may find out here only.
        let wasValid = lease.isValid
        lease.update { $0.finish() }
        let answer = try? await self.store.release(lease.lock, lease.token)
        if answer == nil { self.releaseLater(lease.lock, lease.token, lasting: lease.update { $0.length }) }
        guard wasValid, answer != .notHeld else {
            self.lose(lease, wasValid ? "it was gone when it was released" : "it had expired when it was released")
            return false
        }
        return true
    }

    // MARK: Locks that a task holds itself

    /// The locks whose bodies the present task runs, or the tasks that wait for it to do so; innermost last.
    @TaskLocal private static var chain: [Held] = []

    private struct Held: Sendable {
        let locks: ObjectIdentifier
        let lease: LockLease
        /// The task of the body: tasks begun in the body inherit the chain, but are others.
        let task: Int
    }

    private static var heldByThisTask: [Held] {
        guard let last = Self.chain.last, last.task == Self.taskIdentity else { return [] }
        return Self.chain
    }

    // SAFETY: the reference is not used after the closure; its hash is that of the task's identity.
    private static var taskIdentity: Int { unsafe withUnsafeCurrentTask { unsafe $0?.hashValue ?? 0 } }

    /// Whether the present task runs in the body of this lock, so that waiting for it would be in vain.
    ///
    /// Says nothing of tasks that the body has begun: those may wait while the body goes on.
    func isHeldByThisTask(_ lock: LockName) -> Bool {
        Self.heldByThisTask.contains {
            $0.locks == ObjectIdentifier(self) && $0.lease.lock == lock && $0.lease.isValid
        }
    }
}

/// A value on its way between a task and its child.
private struct Transfer<Value>: Sendable {
    // SAFETY: used for the body of a lock and for its result only. The task that hands the body over is suspended
    // until the child has ended, and the child runs the body in the isolation of that task, so that the body runs
    // alone with what it captures, as if it were called; the result goes back the same way when the child has ended.
    nonisolated(unsafe) let value: Value

    init(_ value: Value) { unsafe self.value = value }
}

extension Oxbow {
    /// Runs `body` under a lock that all app servers share.
    ///
    ///     try await oxbow.withLock("nightly-import", waitingAtMost: .seconds(2)) { lease in
    ///         try await database.write(rows, fencedBy: lease.fencingToken)
    ///     }
    ///
    /// There is one holder at a time, as long as the master does not fail: replication is asynchronous, and a replica
    /// that is promoted may not know of a lock that was taken a moment before. ``LockLease/fencingToken`` lets a
    /// store refuse the late writes of an old holder; see the article "Locks".
    ///
    /// The lease is renewed while `body` runs, each third of its length. When the server reports that the lock is
    /// gone (a flush, an eviction, a failover), or cannot be asked until the lease ends, `body` is cancelled and the
    /// error is `leaseEnded`; so it is when the lock turns out to be gone at its release. If the server cannot be
    /// asked then, the lease decides by the clock, and the lock is released later. A process that dies leaves the
    /// lock for the rest of its lease.
    ///
    /// `body` runs in a child task of the caller's task, so that it can be cancelled alone, and in the caller's
    /// isolation, while the caller waits: it may change local variables of the caller and capture what is not
    /// `Sendable`. A body that blocks threads instead of suspending may hold up the renewals.
    ///
    /// Locks are not re-entrant: a call for the same name within `body` waits as any other caller's, and fails at
    /// once where it would wait for itself, which is seen in the task of `body` but not in tasks begun by it. Use
    /// ``LockLease/reenter(_:)`` for work under the lock that is held already.
    ///
    /// - Parameters:
    ///   - name: names the lock; any text but the empty one.
    ///   - waitingAtMost: the longest wait for another holder, to about 50 ms; zero tries once. The requests to the
    ///     server may take as long, and one second at least, but not longer than `commandTimeout`: if the server does
    ///     not answer, the call fails at the end of the wait or up to a second later. The callers of one process are
    ///     served in the order in which they come, and 1024 of them may wait.
    ///   - lease: how long the lock outlives its process; 30 s by default; from 100 ms to ten years.
    ///   - confirmedByReplicas: how many replicas must have the lock before `body` begins (WAIT, on a connection of
    ///     its own); 0 by default. A lock so confirmed survives the failover to one of them. They have a third of the
    ///     lease to confirm it, but not longer than a request may take.
    ///   - body: the work; cancelled when the lease ends.
    /// - Returns: the result of `body`.
    /// - Throws: ``OxbowError``: `lockTaken` after the wait, `leaseEnded`, `notReplicated`, `invalidArgument`,
    ///   `notRunning`, `unavailable`; the error of `body`, unless the lock was lost before `body` had ended;
    ///   `CancellationError` when the task is cancelled before `body` begins. A running `body` is cancelled together
    ///   with the task.
    public func withLock<Result>(
        _ name: String,
        waitingAtMost: Duration,
        lease: Duration = .seconds(30),
        confirmedByReplicas: Int = 0,
        _ body: (LockLease) async throws -> Result
    ) async throws -> Result {
        let end = ContinuousClock.now + min(Locks.longest, max(.zero, waitingAtMost))
        let result = try await self.locks.with(name, until: end, lease: lease, confirmedBy: confirmedByReplicas, body)
        if let result { return result }
        let isOwn = self.locks.isHeldByThisTask(LockName(prefix: self.locks.prefix, name))
        let message = isOwn ? "this task holds the lock itself: use LockLease.reenter" : "another caller has the lock"
        throw OxbowError(.lockTaken, message)
    }

    /// Runs `body` under a lock if no caller has it.
    ///
    /// As ``withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)`` with a wait of zero: if the server does not
    /// answer, the call fails after a second, or after `commandTimeout` if that is shorter.
    ///
    /// - Parameters:
    ///   - name: names the lock; any text but the empty one.
    ///   - lease: how long the lock outlives its process; 30 s by default; from 100 ms to ten years.
    ///   - body: the work; cancelled when the lease ends.
    /// - Returns: the result of `body`; `nil` if a caller has the lock, be it this task itself.
    /// - Throws: as ``withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)``, but not `lockTaken`, unless `body`
    ///   throws it.
    public func withLockIfAvailable<Result>(
        _ name: String,
        lease: Duration = .seconds(30),
        _ body: (LockLease) async throws -> Result
    ) async throws -> Result? {
        try await self.locks.with(name, until: .now, lease: lease, confirmedBy: 0, body)
    }

    /// The counts of locks since this instance was made.
    public var lockStatistics: LockStatistics { self.locks.counters.statistics }
}

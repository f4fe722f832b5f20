extension Oxbow {
    /// Runs `body` under a lock that all app servers share.
    ///
    ///     try await oxbow.withLock("nightly-import", waitingAtMost: .seconds(2)) { lease in
    ///         try await database.write(rows, fencedBy: lease.fencingToken)
    ///     }
    ///
    /// One holder at a time, as long as the master does not fail: replication is asynchronous, and a master that is promoted
    /// may not know of a lock that was taken a moment before. ``LockLease/fencingToken`` lets a store refuse what an old
    /// holder still writes; see the article "Locks".
    ///
    /// The lease is prolonged while `body` runs, each third of its length. When the server says that the lock is gone (a
    /// flush, an eviction, a failover), or cannot be asked until the lease's end, the task of `body` is cancelled and the
    /// error is `leaseEnded`. A process that dies leaves the lock for the rest of its lease.
    ///
    /// Within `body`, also in its child tasks, a lock of the same name is held already: it is not waited for. An unstructured
    /// task that is begun there and goes on behind `body` gets `leaseEnded` when it is done.
    ///
    /// - Parameters:
    ///   - name: names the lock; any text but the empty one.
    ///   - waitingAtMost: the longest wait for another holder, to about 50 ms; zero tries once. The requests to the server
    ///     may take as long, and one second at least, but not longer than `commandTimeout`: if the server does not answer,
    ///     the call fails at the end of the wait or up to a second later. The callers of one process are served in the
    ///     order in which they come, and 1024 of them may wait.
    ///   - lease: how long the lock outlives its process; 30 s by default; from 100 ms to ten years.
    ///   - confirmedByReplicas: how many replicas must have the lock before `body` begins (WAIT, on a connection of its own);
    ///     0 by default. A lock so confirmed survives the failover to one of them. They have a third of the lease to confirm
    ///     it, but not longer than a request may take.
    ///   - body: what is done; cancelled when the lease ends.
    /// - Returns: what `body` returns.
    /// - Throws: ``OxbowError``: `lockTaken` after the wait, `leaseEnded`, `notReplicated`, `invalidArgument`, `notRunning`,
    ///   `unavailable`; what `body` throws; `CancellationError`, when `body` did not begin.
    public func withLock<Result: Sendable>(
        _ name: String,
        waitingAtMost: Duration,
        lease: Duration = .seconds(30),
        confirmedByReplicas: Int = 0,
        _ body: sending (LockLease) async throws -> Result
    ) async throws -> Result {
        let end = ContinuousClock.now + min(Locks.longest, max(.zero, waitingAtMost))
        let result = try await self.locks.with(name, until: end, lease: lease, confirmedBy: confirmedByReplicas, body)
        guard let result else { throw OxbowError(.lockTaken, "somebody else has the lock") }
        return result
    }

    /// Runs `body` under a lock if nobody has it.
    ///
    /// - Parameters:
    ///   - name: names the lock; any text but the empty one.
    ///   - lease: as for ``withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)``.
    ///   - body: what is done; cancelled when the lease ends.
    /// - Returns: what `body` returns; `nil` if somebody else has the lock.
    /// - Throws: as ``withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)``, but for `lockTaken` of its own.
    public func withLockIfAvailable<Result: Sendable>(
        _ name: String,
        lease: Duration = .seconds(30),
        _ body: sending (LockLease) async throws -> Result
    ) async throws -> Result? {
        try await self.locks.with(name, until: .now, lease: lease, confirmedBy: 0, body)
    }

    /// What locks have done so far.
    public var lockStatistics: LockStatistics { self.locks.counters.statistics }
}

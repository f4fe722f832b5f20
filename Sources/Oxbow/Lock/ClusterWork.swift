/// The jobs of ``ClusterTask``: under locks that are left to expire.
extension Locks {
    /// The outcome of one turn of a job.
    enum Turn: Sendable {
        /// The job was done here.
        case done
        /// Another process has the lock, or had it until now.
        case notOurs
        /// The job has failed; the lock is free again after this time.
        case failed(any Error, retryAfter: Duration)
    }

    /// The lease of a job that is still running when its interval, if that is longer, comes to its end.
    private static let jobLease = Duration.seconds(30)

    /// Does a job under a lock that is left to expire, so that it is done once in an interval.
    ///
    /// A job that fails keeps the lock for `delay`, one that fails after it was cancelled gives it back.
    ///
    /// - Throws: ``OxbowError``; `CancellationError`.
    func once(
        _ name: String,
        in interval: Duration,
        retryingAfter delay: Duration,
        _ job: (LockLease) async throws -> Void
    ) async throws -> Turn {
        let (lock, token) = (LockName(prefix: self.prefix, task: name), Token.random())
        let asked = ContinuousClock.now
        let answer = try await self.take(lock, token, for: interval, confirmedBy: 0, within: nil)
        guard case .taken(let fence) = answer else {
            try await callingStore { try await self.store.wait(for: lock, until: asked + interval) }
            return .notOurs
        }
        // A job that ends long before the interval does not prolong the lock, which is checked all along.
        let state = LeaseState(min(interval, Self.jobLease), asked: asked, until: asked + interval)
        let lease = LockLease(name, lock, token, fence: fence, state)
        try self.check(lease, lasting: interval)
        self.noteAcquired()
        guard let outcome = await self.work(under: lease, job) else {
            throw OxbowError(.leaseEnded, "the lock was lost while the job was at work")
        }
        switch outcome {
        case .success:
            guard lease.isValid else {
                self.lose(lease, "it had expired when the job was done")
                throw OxbowError(.leaseEnded, "the lock was lost while the job was at work")
            }
            let isProlonged = lease.update { $0.isProlonged }
            lease.update { $0.finish() }
            // The next turn comes when it would have come without that.
            if isProlonged { await self.shorten(lease, to: ContinuousClock.now.duration(to: asked + interval)) }
            return .done
        case .failure(let error):
            if Task.isCancelled {
                _ = await self.release(lease)
                throw CancellationError()
            }
            lease.update { $0.finish() }
            let rest = max(.milliseconds(1), min(delay, ContinuousClock.now.duration(to: asked + interval)))
            await self.shorten(lease, to: rest)
            return .failed(error, retryAfter: rest)
        }
    }

    /// Has the server end a lock after `rest`; releases it later if it cannot be asked now.
    private func shorten(_ lease: LockLease, to rest: Duration) async {
        let rest = max(.milliseconds(1), rest)
        let answer = try? await self.store.renew(lease.lock, lease.token, for: rest, within: .seconds(2))
        if answer == nil { self.releaseLater(lease.lock, lease.token, lasting: lease.update { $0.length }) }
    }
}

/// The jobs of ``ClusterTask``: under locks that are left to expire.
extension Locks {
    /// The lease of a job that is still running when its interval, if that is longer, comes to its end.
    private static let jobLease = Duration.seconds(30)

    /// Does a job under a lock that is left to expire, so that it is done once in an interval.
    ///
    /// - Returns: whether it was done here; if not, the lock may be free now, or the interval has ended.
    /// - Throws: ``OxbowError``; `CancellationError`.
    func once(
        _ name: String,
        in interval: Duration,
        _ job: () async throws -> Void
    ) async throws -> Bool {
        let (lock, token) = (LockName(prefix: self.prefix, task: name), Token.random())
        let asked = ContinuousClock.now
        let answer = try await self.take(lock, token, for: interval, confirmedBy: 0, within: nil)
        guard case .taken(let fence) = answer else {
            try await callingStore { try await self.store.wait(for: lock, until: asked + interval) }
            return false
        }
        // A job that ends long before the interval does not prolong the lock; whether it is there is checked all along.
        let state = LeaseState(min(interval, Self.jobLease), asked: asked, until: asked + interval)
        let lease = LockLease(name, lock, token, fence: fence, state)
        try self.check(lease, lasting: interval)
        self.counters.acquired.increment()
        guard let outcome = await self.work(under: lease, { _ in try await job() }) else {
            throw OxbowError(.leaseEnded, "the lock was lost while the job was at work")
        }
        try outcome.get()
        guard lease.isValid else {
            self.lose(lease, "it had expired when the job was done")
            throw OxbowError(.leaseEnded, "the lock was lost while the job was at work")
        }
        if lease.update({ $0.isProlonged }) {
            // The next turn comes when it would have come without that.
            let rest = max(.milliseconds(1), ContinuousClock.now.duration(to: asked + interval))
            _ = try? await self.store.renew(lock, token, for: rest, within: .seconds(2))
        }
        return true
    }
}

import Logging
import Resilience
public import ServiceLifecycle

/// A job that one of all app servers does in each interval.
///
///     let cleanUp = try oxbow.clusterTask("clean-up", every: .seconds(3600)) { lease in
///         try await database.removeExpired(fencedBy: lease.fencingToken)
///     }
///     // in the service group, after the Oxbow itself
///
/// The job runs under the lock `ox-lock:{%task:<name>}`, which is left to expire with the interval: the process that
/// takes it does the job. A job that returns counts as done. After a job that throws, the lock ends after
/// `retryAfterFailure`, so that another process, or the same one, tries again; after one that throws because it was
/// shut down or cancelled, another process takes over at once. A process that dies during the job leaves the lock
/// until the interval ends, so that a job that brings its process down does not bring down all of them in a row.
///
/// A job that takes longer than the interval keeps the lock while it runs, and is never run beside itself, as far as
/// locks can promise that (see the article "Locks"): for a job that must not be done twice check what has been done,
/// or hand the lease's fencing token to the store that it writes to.
public struct ClusterTask: Service {
    let locks: Locks
    let name: String
    let interval: Duration
    let jitter: Duration
    let retryAfterFailure: Duration
    let logger: Logger
    let job: @Sendable (LockLease) async throws -> Void

    /// Does the job in its turns until cancelled or shut down gracefully, which both cancel a job that is running.
    ///
    /// Makes the first attempt after a random part of the jitter. Retries each second while the server cannot be
    /// reached. Logs that, and errors of the job, as errors.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await Task.sleep(for: self.jitter * Double.random(in: 0..<1))
                var retries = Backoff(initial: self.retryAfterFailure, maximum: self.interval)
                while true { try await Task.sleep(for: self.turn(&retries)) }
            } catch is CancellationError {
                // As asked for.
            }
        }
    }

    /// Does the job if it is this process's turn.
    ///
    /// - Returns: how long to wait for the next turn.
    /// - Throws: `CancellationError` of the task.
    private func turn(_ retries: inout Backoff) async throws -> Duration {
        let start = ContinuousClock.now
        var next = retries
        let delay = next.next(random: 1)
        do {
            switch try await self.locks.once(self.name, in: self.interval, retryingAfter: delay, self.job) {
            case .done: retries.reset()
            // The next turn comes when the lock ends, which has been waited for.
            case .notOurs: return .milliseconds(Int.random(in: 1...20))
            case .failed(let error, let delay):
                self.log("cluster task failed", error)
                retries = next
                // Another process first: the reason may be in this one.
                return delay + delay / 10
            }
        } catch {
            try Task.checkCancellation()
            self.log("cluster task without its lock, retrying", error)
            return min(self.interval, .seconds(1))
        }
        try Task.checkCancellation()
        return max(.milliseconds(1), self.interval - start.duration(to: .now))
    }

    /// Logs an error, and of a foreign one the type only: its text may hold what no log may.
    private func log(_ message: Logger.Message, _ error: any Error) {
        let text = (error as? OxbowError).map { "\($0)" } ?? "\(type(of: error))"
        self.logger.error(message, metadata: ["task": "\(self.name)", "error": "\(text)"])
    }
}

extension Oxbow {
    /// Makes a service that does a job on one of all app servers in each interval.
    ///
    /// - Parameters:
    ///   - name: names the job; any text but the empty one.
    ///   - interval: from the beginning of one turn to that of the next; from 100 ms to ten years.
    ///   - jitter: the first attempt is made within this time; a tenth of the interval by default, a minute at most.
    ///   - retryAfterFailure: how long after a failed job another process makes the next attempt, or the same one a
    ///     tenth later; 5 s by default, doubled after each failure in a row of one process; at least 100 ms, and at
    ///     most the interval.
    ///   - job: what is done; gets the lease of the lock, and is cancelled when the lock is lost. It must throw when
    ///     it is cut short by cancellation: a job that returns counts as done.
    /// - Returns: a service to be run beside this instance, and shut down before it.
    /// - Throws: ``OxbowError`` with `invalidArgument`.
    public func clusterTask(
        _ name: String,
        every interval: Duration,
        jitter: Duration? = nil,
        retryAfterFailure: Duration = .seconds(5),
        _ job: @escaping @Sendable (LockLease) async throws -> Void
    ) throws -> ClusterTask {
        guard !name.isEmpty else { throw OxbowError(.invalidArgument, "the name of a cluster task is empty") }
        guard interval >= .milliseconds(100), interval <= Locks.longest else {
            throw OxbowError(.invalidArgument, "an interval of \(interval): it must be from 100 ms to ten years")
        }
        return ClusterTask(
            locks: self.locks,
            name: name,
            interval: interval,
            jitter: min(interval, max(.zero, jitter ?? min(interval / 10, .seconds(60)))),
            retryAfterFailure: min(interval, max(.milliseconds(100), retryAfterFailure)),
            logger: self.logger,
            job: job
        )
    }
}

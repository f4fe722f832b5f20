import Logging
public import ServiceLifecycle

/// A job that one of all app servers does in each interval.
///
///     let cleanUp = oxbow.runOnce(every: .seconds(3600), name: "clean-up") { try await database.removeExpired() }
///     // in the service group, behind the Oxbow itself
///
/// Under the lock `ox-lock:{%task:<name>}`, which is not given back but left to expire with the interval: who gets it does the
/// job. A process that dies in the middle leaves the lock; another one has its turn in the next interval. A job that takes
/// longer than the interval keeps the lock while it runs, and is never run beside itself, as far as locks can promise that
/// (see the article "Locks"): let a job that must not be done twice look at what has been done.
public struct ClusterTask: Service {
    let locks: Locks
    let name: String
    let interval: Duration
    let jitter: Duration
    let logger: Logger
    let job: @Sendable () async throws -> Void

    /// Does the job in its turns until cancelled, or shut down gracefully: a job that runs then is ended by cancellation.
    ///
    /// The first attempt is made after a random part of the jitter. While the server is away, and after an error of the job,
    /// it is tried again in the next interval; both are told in the log.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await Task.sleep(for: self.jitter * Double.random(in: 0..<1))
                while true { try await Task.sleep(for: self.turn()) }
            } catch is CancellationError {
                // As asked for.
            }
        }
    }

    /// Does the job if it is this process's turn.
    ///
    /// - Returns: how long to wait for the next turn.
    /// - Throws: `CancellationError`.
    private func turn() async throws -> Duration {
        let start = ContinuousClock.now
        do {
            // Somebody else's turn: the next one comes with the end of the lock, which it has waited for.
            let isDone = try await self.locks.once(self.name, in: self.interval, self.job)
            if !isDone { return .milliseconds(Int.random(in: 1...20)) }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            self.logger.error(
                "a task of the cluster failed, its next turn comes with the next interval",
                metadata: ["task": "\(self.name)", "error": "\(error)"]
            )
        }
        return max(.milliseconds(1), self.interval - start.duration(to: .now))
    }
}

extension Oxbow {
    /// A job that one of all app servers does in each interval.
    ///
    /// - Parameters:
    ///   - interval: from the beginning of one turn to that of the next; at least 100 ms.
    ///   - name: names the job; any text but the empty one.
    ///   - jitter: the first attempt is made within this time; a tenth of the interval by default, a minute at the most.
    ///   - job: what is done; cancelled when the lock is lost.
    /// - Returns: a service to be run beside this instance.
    public func runOnce(
        every interval: Duration,
        name: String,
        jitter: Duration? = nil,
        _ job: @escaping @Sendable () async throws -> Void
    ) -> ClusterTask {
        precondition(interval >= .milliseconds(100), "an interval must be at least 100 ms, not \(interval)")
        precondition(!name.isEmpty, "a task needs a name")
        return ClusterTask(
            locks: self.locks,
            name: name,
            interval: interval,
            jitter: max(.zero, jitter ?? min(interval / 10, .seconds(60))),
            logger: self.logger,
            job: job
        )
    }
}

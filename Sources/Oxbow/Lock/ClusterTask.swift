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
    /// The first attempt is made after a random part of the jitter. While the server is away it is tried each second; after
    /// an error of the job in the next interval. Both are told in the log.
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
    /// - Throws: `CancellationError` of the task.
    private func turn() async throws -> Duration {
        let start = ContinuousClock.now
        do {
            let isDone = try await self.locks.once(self.name, in: self.interval) {
                do { try await self.job() } catch { self.tell("a task of the cluster failed", error) }
            }
            // Somebody else's turn: the next one comes with the end of the lock, which it has waited for.
            if !isDone { return .milliseconds(Int.random(in: 1...20)) }
        } catch {
            try Task.checkCancellation()
            self.tell("a task of the cluster has no lock", error)
            return min(self.interval, .seconds(1))
        }
        try Task.checkCancellation()
        return max(.milliseconds(1), self.interval - start.duration(to: .now))
    }

    /// Errors of others may hold what no log may.
    private func tell(_ message: Logger.Message, _ error: any Error) {
        let text = (error as? OxbowError).map { "\($0)" } ?? "\(type(of: error))"
        self.logger.error(message, metadata: ["task": "\(self.name)", "error": "\(text)"])
    }
}

extension Oxbow {
    /// A job that one of all app servers does in each interval.
    ///
    /// - Parameters:
    ///   - interval: from the beginning of one turn to that of the next; from 100 ms to ten years.
    ///   - name: names the job; any text but the empty one.
    ///   - jitter: the first attempt is made within this time; a tenth of the interval by default, a minute at the most.
    ///   - job: what is done; cancelled when the lock is lost.
    /// - Returns: a service to be run beside this instance.
    /// - Throws: ``OxbowError`` with `invalidArgument`.
    public func runOnce(
        every interval: Duration,
        name: String,
        jitter: Duration? = nil,
        _ job: @escaping @Sendable () async throws -> Void
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
            logger: self.logger,
            job: job
        )
    }
}

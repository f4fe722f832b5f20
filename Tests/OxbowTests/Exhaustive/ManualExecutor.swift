import Synchronization

/// Runs tasks only when told to, one job after the other, on the thread that tells it.
final class ManualExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.jobs.withLock { $0.append(job) }
    }

    /// Runs what is ready, and what becomes ready by that, until nothing is.
    func runUntilIdle() {
        while true {
            let batch = self.jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            if batch.isEmpty { return }
            for job in batch {
                // SAFETY: a job is taken out of the queue once, and the executor outlives the call.
                unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
            }
        }
    }
}

public import NIOCore
import Synchronization

/// Runs tasks on the event loop of a connection, so that a command and its reply need no change of threads.
///
/// Opt-in, for tasks that do little between their commands:
///
/// ```swift
/// try await withTaskExecutorPreference(client.eventLoopExecutor) {
///     // Here, and in child tasks, code runs on the loop.
/// }
/// ```
///
/// It halves what a small command costs. Its price: all these tasks share one thread with the connection, so whatever
/// one of them computes delays the replies of all callers; a task that blocks its thread stops the connection, its
/// deadlines included. Never block here, and keep work above some ten microseconds on the global pool.
///
/// Jobs that become ready while replies are handled run right behind them, before the next write: the commands they
/// submit leave in one batch.
public final class EventLoopExecutor: TaskExecutor {
    /// The loop on which jobs run.
    public let eventLoop: any EventLoop
    /// Jobs from other threads.
    private let inbox = Mutex<[UnownedJob]>([])
    private let onLoop: NIOLoopBoundBox<RunQueue>

    /// Jobs to be run on the loop, in order; owned by the loop.
    ///
    /// One stored property, so that each visit is one access.
    private final class RunQueue {
        var state = State()

        struct State {
            var jobs: [UnownedJob] = []
            var isRunning = false
            /// Whether the loop has been asked to come back.
            var isScheduled = false
            /// Whether whoever is at work on the loop runs the jobs next.
            var isAnnounced = false

            /// Adds a job.
            ///
            /// - Returns: whether the loop must be asked to come back for it.
            mutating func append(_ job: UnownedJob) -> Bool {
                self.jobs.append(job)
                return self.mustBeScheduled()
            }

            mutating func mustBeScheduled() -> Bool {
                guard !self.isRunning, !self.isScheduled, !self.isAnnounced, !self.jobs.isEmpty else { return false }
                self.isScheduled = true
                return true
            }

            /// Exchanges all jobs for an emptied array, whose storage is used again.
            mutating func begin(_ jobs: inout [UnownedJob]) {
                self.isRunning = true
                swap(&self.jobs, &jobs)
            }

            mutating func end() -> Bool {
                self.isRunning = false
                return self.mustBeScheduled()
            }
        }
    }

    /// After so many jobs in a row the loop looks at its sockets again.
    private static let longestRun = 4096
    /// The same in time, from the 256th job on.
    private static let longestTime = TimeAmount.milliseconds(1)

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.onLoop = .makeBoxSendingValue(RunQueue(), eventLoop: eventLoop)
    }

    /// Takes a job that is ready; called by the Swift runtime.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if self.eventLoop.inEventLoop {
            if self.onLoop.value.state.append(job) { self.eventLoop.execute { self.goOn() } }
        } else {
            let isFirst = self.inbox.withLock { inbox in
                inbox.append(job)
                return inbox.count == 1
            }
            if isFirst { self.eventLoop.execute { self.takeInbox() } }
        }
    }

    /// Runs what has come from other threads.
    private func takeInbox() {
        let jobs = self.inbox.withLock { inbox in
            let jobs = inbox
            inbox = []
            return jobs
        }
        self.onLoop.value.state.jobs.append(contentsOf: jobs)
        self.runJobs()
    }

    private func goOn() {
        self.onLoop.value.state.isScheduled = false
        self.runJobs()
    }

    /// Says that ``runJobs()`` will follow: jobs that become ready until then need not ask for it.
    ///
    /// On the loop.
    func announceRun() { self.onLoop.value.state.isAnnounced = true }

    /// Runs what has become ready on the loop itself.
    ///
    /// On the loop.
    func runJobs() {
        let queue = self.onLoop.value
        queue.state.isAnnounced = false
        guard !queue.state.isRunning else { return }
        guard !queue.state.jobs.isEmpty else { return }
        var jobs: [UnownedJob] = []
        var count = 0
        var nextLook = 256
        var end: NIODeadline?
        while count < Self.longestRun {
            if count >= nextLook {
                // Few runs come here: the clock is not asked by others.
                let now = NIODeadline.now()
                if let end, now >= end { break }
                end = end ?? now + Self.longestTime
                nextLook = count + 64
            }
            queue.state.begin(&jobs)
            guard !jobs.isEmpty else { break }
            count += jobs.count
            // By index: an iterator would share the array, which would then be copied to be emptied.
            for index in jobs.indices { unsafe jobs[index].runSynchronously(on: self.asUnownedTaskExecutor()) }
            jobs.removeAll(keepingCapacity: true)
        }
        // Jobs that make themselves ready again and again. What is executed at once runs before the sockets are looked
        // at, so that a moment must lie in between.
        if queue.state.end() { self.eventLoop.scheduleTask(in: .microseconds(20)) { self.goOn() } }
    }
}

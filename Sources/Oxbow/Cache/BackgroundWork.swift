import Synchronization

/// Work that nobody waits for, done while an instance runs: bounded in what waits and in what runs at once.
final class BackgroundWork: Sendable {
    typealias Job = @Sendable () async -> Void

    enum Answer { case accepted, full, notRunning }

    private let jobs = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .bufferingOldest(1000))
    private let isRunning = Atomic<Bool>(false)
    private static let atOnce = 32

    /// Hands over a job, which is dropped when too many wait.
    func submit(_ job: @escaping Job) -> Answer {
        guard self.isRunning.load(ordering: .acquiring) else { return .notRunning }
        return switch self.jobs.continuation.yield(job) {
        case .enqueued: .accepted
        case .dropped: .full
        case .terminated: .notRunning
        @unknown default: .full
        }
    }

    /// Does what is handed over, until cancelled; to be called once.
    func run() async {
        self.isRunning.store(true, ordering: .releasing)
        defer { self.isRunning.store(false, ordering: .releasing) }
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await job in self.jobs.stream {
                if running >= Self.atOnce {
                    await group.next()
                    running -= 1
                }
                group.addTask { await job() }
                running += 1
            }
        }
    }
}

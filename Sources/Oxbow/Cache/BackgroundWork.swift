import Synchronization

/// Work that no caller waits for, done while an instance runs: bounded in what waits and in what runs at once, in all and for
/// each owner, so that one that hangs leaves room for the others.
final class BackgroundWork: Sendable {
    enum Answer { case accepted, full, notRunning }

    /// A place among the jobs at work; given back once, early or at the job's end.
    final class Place: Sendable {
        private let work: BackgroundWork
        private let owner: UInt64
        private let isTaken = Atomic<Bool>(true)

        fileprivate init(_ work: BackgroundWork, _ owner: UInt64) {
            self.work = work
            self.owner = owner
        }

        func giveBack() {
            if self.isTaken.exchange(false, ordering: .relaxed) { self.work.end(of: self.owner) }
        }
    }

    private struct Job {
        let owner: UInt64
        let body: @Sendable (Place) async -> Void
        let dropped: @Sendable () -> Void
    }

    private struct State {
        var isRunning = false
        var waiting: [Job] = []
        var running: [UInt64: Int] = [:]
        var count = 0
    }

    private let state = Mutex(State())
    private let isRunning = Atomic<Bool>(false)
    private let signals = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private static let most = (waiting: 1000, atOnce: 32, ofOne: 16)

    /// Whether an instance runs.
    var isOn: Bool { self.isRunning.load(ordering: .acquiring) }

    /// Hands over a job that knows no end but its own.
    func submit(_ job: @escaping @Sendable () async -> Void) -> Answer {
        self.submit(of: 0, { _ in await job() }, dropped: {})
    }

    /// Hands over a job, which is dropped when too many wait.
    ///
    /// - Parameters:
    ///   - owner: whose it is.
    ///   - job: gets its place, to give it back before its end when it takes too long.
    ///   - dropped: called if it was accepted and the instance ends first.
    /// - Returns: whether it was accepted.
    func submit(
        of owner: UInt64,
        _ job: @escaping @Sendable (Place) async -> Void,
        dropped: @escaping @Sendable () -> Void
    ) -> Answer {
        let answer = self.state.withLock { state in
            guard state.isRunning else { return Answer.notRunning }
            guard state.waiting.count < Self.most.waiting else { return .full }
            state.waiting.append(Job(owner: owner, body: job, dropped: dropped))
            return .accepted
        }
        if answer == .accepted { self.signals.continuation.yield() }
        return answer
    }

    /// Takes work from here on, which ``run()`` will do.
    func begin() {
        self.state.withLock { $0.isRunning = true }
        self.isRunning.store(true, ordering: .releasing)
    }

    /// Does what is handed over, until cancelled; to be called once.
    func run() async {
        self.begin()
        await withDiscardingTaskGroup { group in
            for await _ in self.signals.stream {
                while let job = self.next() {
                    group.addTask {
                        let place = Place(self, job.owner)
                        defer { place.giveBack() }
                        await job.body(place)
                    }
                }
            }
        }
        self.isRunning.store(false, ordering: .releasing)
        let dropped = self.state.withLock { state in
            state.isRunning = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for job in dropped { job.dropped() }
    }

    /// Takes out the first job for which there is a place.
    private func next() -> Job? {
        self.state.withLock { state in
            guard state.count < Self.most.atOnce else { return nil }
            guard let index = state.waiting.firstIndex(where: { state.running[$0.owner, default: 0] < Self.most.ofOne })
            else { return nil }
            let job = state.waiting.remove(at: index)
            state.count += 1
            state.running[job.owner, default: 0] += 1
            return job
        }
    }

    private func end(of owner: UInt64) {
        self.state.withLock { state in
            state.count -= 1
            let rest = (state.running[owner] ?? 1) - 1
            state.running[owner] = rest > 0 ? rest : nil
        }
        self.signals.continuation.yield()
    }
}

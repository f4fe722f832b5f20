import Foundation
import Synchronization

/// The worker processes of a run, and what they say.
final class WorkerPool<Message: WorkerMessage>: Sendable {
    private struct State {
        var workers: [WorkerProcess?]
        /// What each has said and nobody has looked at; `nil` is what could not be read.
        var inboxes: [[Message?]]
    }

    private let state: Mutex<State>
    private let arguments: @Sendable (_ worker: Int) throws -> [String]

    /// - Parameters:
    ///   - count: how many.
    ///   - arguments: the command line of each.
    init(_ count: Int, arguments: @escaping @Sendable (_ worker: Int) throws -> [String]) {
        self.state = Mutex(
            State(workers: Array(repeating: nil, count: count), inboxes: Array(repeating: [], count: count))
        )
        self.arguments = arguments
    }

    var indices: Range<Int> { self.state.withLock { $0.workers.indices } }

    /// Starts those that do not run, and waits until all are ready.
    func start() async throws {
        let missing = self.state.withLock { state in state.workers.indices.filter { state.workers[$0] == nil } }
        for worker in missing {
            let process = try WorkerProcess(try self.arguments(worker)) { [weak self] line in
                self?.state.withLock { $0.inboxes[worker].append(Message(line: line)) }
            }
            self.state.withLock { $0.workers[worker] = process }
        }
        try await self.awaitMessages(from: Set(missing), within: .seconds(60)) { $1.isReady }
    }

    /// Kills a worker (SIGKILL).
    func kill(_ worker: Int) {
        self.state.withLock { state in
            state.workers[worker]?.kill()
            state.workers[worker] = nil
            state.inboxes[worker] = []
        }
    }

    /// Sends a signal to a worker.
    func signal(_ worker: Int, _ signal: Int32) { self.state.withLock { $0.workers[worker] }?.signal(signal) }

    func send(_ message: Message) {
        for worker in self.indices { self.send(message, to: worker) }
    }

    func send(_ message: Message, to worker: Int) {
        self.state.withLock { $0.workers[worker] }?.send(message.line)
    }

    /// Hands on messages until all of these workers have sent the one that is awaited.
    ///
    /// - Parameters:
    ///   - workers: of whom it is awaited.
    ///   - limit: how long at most.
    ///   - isAwaited: gets each message of these workers; whether it is the awaited one.
    /// - Throws: ``BenchmarkError`` when one does not come, as when a worker has ended.
    func awaitMessages(
        from workers: Set<Int>,
        within limit: Duration,
        _ isAwaited: (_ worker: Int, Message) -> Bool
    ) async throws {
        var missing = workers
        let end = ContinuousClock.now + limit
        while !missing.isEmpty {
            let (worker, message) = try await self.next(from: workers, within: ContinuousClock.now.duration(to: end))
            if isAwaited(worker, message) { missing.remove(worker) }
        }
    }

    /// Waits for what any of these workers says next.
    ///
    /// - Throws: ``BenchmarkError`` when nobody says anything within the limit, one has ended, or cannot be understood.
    func next(from workers: Set<Int>, within limit: Duration) async throws -> (worker: Int, message: Message) {
        let end = ContinuousClock.now + limit
        while true {
            let (found, ended) = self.state.withLock { state -> ((Int, Message?)?, [Int]) in
                // Who has ended may have said something before.
                let ended = workers.filter { state.workers[$0]?.isRunning != true }
                guard let worker = workers.first(where: { !state.inboxes[$0].isEmpty }) else {
                    return (nil, ended.sorted())
                }
                return ((worker, state.inboxes[worker].removeFirst()), [])
            }
            if let (worker, message) = found {
                guard let message else { throw BenchmarkError("worker \(worker) says what cannot be read") }
                return (worker, message)
            }
            guard ended.isEmpty else { throw BenchmarkError("worker \(ended) ended before its time") }
            guard ContinuousClock.now < end else { throw BenchmarkError("workers \(workers.sorted()) do not answer") }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Lets all end; the message tells them so.
    func end(by message: Message) async throws {
        self.send(message)
        for worker in self.state.withLock({ $0.workers }) { try await worker?.awaitEnd(within: .seconds(20)) }
    }
}

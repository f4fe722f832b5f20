import Foundation
import Synchronization

/// The worker processes of a stampede, and what they say.
final class StampedeWorkers: Sendable {
    private struct State {
        var workers: [WorkerProcess?]
        var inbox: [(worker: Int, message: StampedeMessage)] = []
    }

    private let state: Mutex<State>
    private let settings: String

    /// - Parameters:
    ///   - count: how many.
    ///   - settings: what each of them is told.
    /// - Throws: when the settings cannot be encoded.
    init(_ count: Int, _ settings: StampedeSettings) throws {
        self.state = Mutex(State(workers: Array(repeating: nil, count: count)))
        self.settings = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
    }

    var count: Int { self.state.withLock { $0.workers.count } }

    /// Starts those that do not run, and waits until all are ready.
    func start() async throws {
        let missing = self.state.withLock { state in state.workers.indices.filter { state.workers[$0] == nil } }
        for worker in missing {
            let process = try WorkerProcess(["stampede", "worker", self.settings]) { [weak self] line in
                guard let message = StampedeMessage(line: line) else { return }
                self?.state.withLock { $0.inbox.append((worker, message)) }
            }
            self.state.withLock { $0.workers[worker] = process }
        }
        try await self.awaitMessages(from: Set(missing), within: .seconds(60)) { _, message in message == .ready }
    }

    /// Kills a worker (SIGKILL).
    func kill(_ worker: Int) {
        self.state.withLock { state in
            state.workers[worker]?.kill()
            state.workers[worker] = nil
        }
    }

    func send(_ message: StampedeMessage) {
        for worker in self.state.withLock({ $0.workers }) { worker?.send(message.line) }
    }

    /// Hands on messages until all of these workers have sent the one that is awaited.
    ///
    /// - Parameters:
    ///   - workers: of whom it is awaited.
    ///   - limit: how long at most.
    ///   - isAwaited: gets each message of any worker; whether it is the awaited one.
    /// - Throws: ``BenchmarkError`` when one does not come, as when a worker has ended.
    func awaitMessages(
        from workers: Set<Int>,
        within limit: Duration,
        _ isAwaited: (_ worker: Int, StampedeMessage) -> Bool
    ) async throws {
        var missing = workers
        let end = ContinuousClock.now + limit
        while !missing.isEmpty {
            let (messages, ended) = self.state.withLock { state in
                defer { state.inbox = [] }
                return (state.inbox, missing.filter { state.workers[$0]?.isRunning != true })
            }
            for (worker, message) in messages where isAwaited(worker, message) { missing.remove(worker) }
            if messages.isEmpty {
                guard ended.isEmpty else { throw BenchmarkError("worker \(ended) ended before its time") }
                guard ContinuousClock.now < end else { throw BenchmarkError("workers \(missing) do not answer") }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// Hands on messages until the first ones have come.
    func awaitAny(within limit: Duration, _ body: (_ worker: Int, StampedeMessage) -> Void) async throws {
        let end = ContinuousClock.now + limit
        while true {
            let messages = self.state.withLock { state in
                defer { state.inbox = [] }
                return state.inbox
            }
            for (worker, message) in messages { body(worker, message) }
            if !messages.isEmpty { return }
            guard ContinuousClock.now < end else { throw BenchmarkError("no worker says anything") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Lets all end.
    func end() async throws {
        self.send(.end)
        for worker in self.state.withLock({ $0.workers }) { try await worker?.awaitEnd(within: .seconds(20)) }
    }
}

import Foundation
import Synchronization

/// The worker processes of a run: each has a number, and another life after it was killed.
final class ConsistencyWorkers: Sendable {
    private struct Life {
        var worker: WorkerProcess?
        var number = 0
        var operations: [Int: Int] = [:]
    }

    private let lives: Mutex<[Life]>
    private let settings: @Sendable (_ process: Int, _ life: Int) -> ConsistencySettings
    private let folder: URL

    /// - Parameters:
    ///   - count: how many.
    ///   - folder: where to put what they are told.
    ///   - settings: what the worker of this number is told in its n-th life.
    init(
        _ count: Int,
        in folder: URL,
        settings: @escaping @Sendable (_ process: Int, _ life: Int) -> ConsistencySettings
    ) {
        self.lives = Mutex(Array(repeating: Life(), count: count))
        self.folder = folder
        self.settings = settings
    }

    func start() throws { for process in self.lives.withLock({ $0.indices }) { try self.start(process) } }

    /// Starts a worker, for the first time or again.
    func start(_ process: Int) throws {
        let number = self.lives.withLock { lives in
            lives[process].number += 1
            return lives[process].number
        }
        let file = self.folder.appending(path: "worker-\(process)-\(number).json")
        try JSONEncoder().encode(self.settings(process, number)).write(to: file)
        let worker = try WorkerProcess(["consistency", "worker", file.path]) { [weak self] line in
            guard let operations = Int(line) else { return }
            self?.lives.withLock { $0[process].operations[number] = operations }
        }
        self.lives.withLock { $0[process].worker = worker }
    }

    /// Kills a worker (SIGKILL).
    func kill(_ process: Int) throws {
        try self.checkAlive(process)
        self.lives.withLock { lives in
            lives[process].worker?.kill()
            lives[process].worker = nil
        }
    }

    /// - Throws: ``BenchmarkError`` if a worker has ended that nobody has killed: it must not.
    func checkAlive(_ process: Int) throws {
        let worker = self.lives.withLock { $0[process].worker }
        if let worker, !worker.isRunning { throw BenchmarkError("worker \(process) ended before its time") }
    }

    /// Waits until all have ended by themselves.
    func awaitEnd(within limit: Duration) async throws {
        for worker in self.lives.withLock({ $0.compactMap(\.worker) }) { try await worker.awaitEnd(within: limit) }
    }

    /// How many operations there were, as far as workers have said.
    var operations: Int { self.lives.withLock { $0.map { $0.operations.values.reduce(0, +) }.reduce(0, +) } }
}

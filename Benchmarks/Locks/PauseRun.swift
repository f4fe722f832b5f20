import Foundation
import Oxbow
import RedisClient

/// Has holders of locks stand still (SIGSTOP) past the end of their leases, while somebody else takes the lock.
struct PauseRun: Sendable {
    let workers: WorkerPool<LocksMessage>
    let oxbow: Oxbow
    let database: FencedDatabase
    let progress: Progress

    private static let lease = Duration.milliseconds(100)
    private static let limit = Duration.seconds(30)

    /// As many, over all processes.
    func run(_ count: Int) async throws -> [LockPause] {
        let share = self.workers.indices.count
        return try await withThrowingTaskGroup(of: [LockPause].self) { group in
            for worker in self.workers.indices {
                group.addTask {
                    var pauses: [LockPause] = []
                    for round in stride(from: worker, to: count, by: share) {
                        if worker == 0 { self.progress.show("\(round) of \(count) holders have stood still", step: 4) }
                        pauses.append(try await self.pause(worker, "paused-\(round)"))
                    }
                    return pauses
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func pause(_ worker: Int, _ name: String) async throws -> LockPause {
        self.workers.send(.hold(name: name, leaseMillis: Int(Self.lease / .milliseconds(1))), to: worker)
        guard case .held = try await self.workers.next(from: [worker], within: Self.limit).message else {
            throw BenchmarkError("a worker had no lock to stand still with")
        }
        // At any moment between two renewals, or in the middle of one.
        try await Task.sleep(for: .microseconds(Int.random(in: 0...100_000)))
        self.workers.signal(worker, SIGSTOP)
        defer { self.workers.signal(worker, SIGCONT) }
        var pause = try await self.oxbow.withLock(name, waitingAtMost: Self.limit) { lease in
            let taken = SharedClock.now
            let owner = try await self.owner(of: name)
            var wasRefused = try await !self.database.write(name, lease.fencingToken, as: .new)
            let resumed = SharedClock.now
            self.workers.signal(worker, SIGCONT)
            guard case .ended(let holder) = try await self.workers.next(from: [worker], within: Self.limit).message
            else { throw BenchmarkError("a worker does not give up its lock") }
            if try await !self.database.write(name, lease.fencingToken, as: .new) { wasRefused = true }
            return LockPause(
                holder: holder,
                taken: taken,
                resumed: resumed,
                isUnlocked: try await self.owner(of: name) != owner,
                wasRefused: wasRefused
            )
        }
        let writers = try await self.database.writers(name)
        pause.outOfOrder = writers.drop { $0 == .old }.count { $0 == .old }
        return pause
    }

    /// What the server has as the owner of a lock.
    private func owner(of name: String) async throws -> String? {
        try await self.database.client.execute(GET(LockName(prefix: "ox-lock", name).key, as: String.self))
    }
}

/// What became of one holder and of the one after it; times in ns of the shared clock.
struct LockPause: Sendable {
    var holder: PausedHolder
    /// When the next one had the lock.
    var taken: UInt64
    /// When the old one went on.
    var resumed: UInt64
    /// Whether the next one's lock was taken from it.
    var isUnlocked: Bool
    /// Whether the database refused the next one, who had the lock.
    var wasRefused: Bool
    /// Writes of the old holder that the database took behind one of the next.
    var outOfOrder = 0
}

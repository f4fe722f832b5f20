import Foundation
import Logging
import Oxbow
import RedisClient
import Synchronization

/// What a worker process is told when it starts.
struct LocksSettings: Codable, Sendable {
    var servers: WorkerServers
    var process: Int
}

/// A process that wants locks.
struct LocksWorker: Sendable {
    let settings: LocksSettings

    /// Follows orders until the last one.
    func run() async throws {
        let oxbow = try Oxbow(
            self.settings.servers.configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        guard let client = oxbow.client else { throw BenchmarkError("this needs a server") }
        try await oxbow.withRunning {
            // Connected, and all code has run once.
            try await oxbow.withLock("warm-up-\(self.settings.process)", waitingAtMost: .zero) { _ in }
            WorkerProcess.report(LocksMessage.ready.line)
            for await order in WorkerProcess.orders(of: LocksMessage.self) {
                switch order {
                case .contend(let load): await self.contend(load, oxbow)
                case .hold(let name, let leaseMillis):
                    let holder = await self.hold(
                        name,
                        .milliseconds(leaseMillis),
                        oxbow,
                        FencedDatabase(client: client)
                    )
                    WorkerProcess.report(LocksMessage.ended(holder).line)
                case .end: return
                default: break
                }
            }
        }
    }

    // MARK: Many who want the same

    private func contend(_ load: LockLoad, _ oxbow: Oxbow) async {
        let (turns, errors) = await withTaskGroup(of: (turns: Int, errors: [String: Int]).self) { group in
            for task in 0..<load.tasks { group.addTask { await self.takeTurns(load, task, oxbow) } }
            var (turns, errors) = (0, [String: Int]())
            for await some in group {
                turns += some.turns
                errors.merge(some.errors) { $0 + $1 }
            }
            return (turns, errors)
        }
        WorkerProcess.report(LocksMessage.done(turns: turns, errors: errors).line)
    }

    private func takeTurns(_ load: LockLoad, _ task: Int, _ oxbow: Oxbow) async -> (turns: Int, errors: [String: Int]) {
        var count = 0
        var errors: [String: Int] = [:]
        var turns: [LockTurn] = []
        while SharedClock.now < load.until {
            let asked = SharedClock.now
            let lock = Int.random(in: 0..<load.locks)
            let turn = Mutex<LockTurn?>(nil)
            do {
                try await oxbow.withLock(
                    "\(load.name)-\(lock)",
                    waitingAtMost: .seconds(60),
                    lease: .milliseconds(load.leaseMillis),
                    confirmedByReplicas: load.confirmedBy
                ) { lease in
                    let began = LockTurn(
                        process: self.settings.process,
                        task: task,
                        lock: lock,
                        fence: try lease.fencingToken,
                        asked: asked,
                        entered: SharedClock.now,
                        left: SharedClock.now,
                        isLost: true
                    )
                    turn.withLock { $0 = began }
                    let end = SharedClock.time(.milliseconds(Int.random(in: 0...load.holdMillis)), after: began.entered)
                    while true {
                        let now = SharedClock.now
                        guard lease.isValid else { return }
                        turn.withLock { $0?.left = now }
                        if now >= end { break }
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    turn.withLock { $0?.isLost = false }
                }
            } catch {
                errors[(error as? OxbowError).map { "\($0.code)" } ?? "\(type(of: error))", default: 0] += 1
                // Who is refused at once does not ask again at once.
                if turn.withLock({ $0 }) == nil { try? await Task.sleep(for: .milliseconds(5)) }
            }
            if let turn = turn.withLock({ $0 }) {
                turns.append(turn)
                count += 1
            }
            if turns.count >= 500 { self.report(&turns) }
            if load.restMillis > 0 {
                try? await Task.sleep(for: .microseconds(Int.random(in: 0...load.restMillis * 1000)))
            }
        }
        self.report(&turns)
        return (count, errors)
    }

    private func report(_ turns: inout [LockTurn]) {
        WorkerProcess.report(LocksMessage.turns(turns).line)
        turns = []
    }

    // MARK: One that stands still

    /// Takes a lock, and writes for as long as its lease allows; then writes and unlocks once more, as one does that did not
    /// look.
    private func hold(_ name: String, _ length: Duration, _ oxbow: Oxbow, _ database: FencedDatabase) async
        -> PausedHolder
    {
        let holder = Mutex(PausedHolder())
        do {
            try await oxbow.withLock(name, waitingAtMost: .seconds(10), lease: length) { lease in
                let fence = try lease.fencingToken
                WorkerProcess.report(LocksMessage.held.line)
                while true {
                    let now = SharedClock.now
                    guard let fence = try? lease.fencingToken else { break }
                    holder.withLock { $0.lastAccepted = now }
                    // One that stood still in the middle of it is refused rightly.
                    let isTaken = (try? await database.write(name, fence, as: .old)) ?? true
                    if !isTaken, lease.isValid { holder.withLock { $0.refused += 1 } }
                    try? await Task.sleep(for: .milliseconds(1))
                }
                let end = SharedClock.time(.seconds(2), after: SharedClock.now)
                while !Task.isCancelled, SharedClock.now < end { try? await Task.sleep(for: .milliseconds(1)) }
                if Task.isCancelled { holder.withLock { $0.cancelled = SharedClock.now } }
                let isTaken = (try? await database.write(name, fence, as: .old)) ?? false
                // As one would that has not heard of it.
                let store = RedisLockStore(client: database.client)
                let isUnlocked = (try? await store.release(lease.lock, lease.token)) == .released
                holder.withLock { ($0.wroteLate, $0.unlocked) = (isTaken, isUnlocked) }
            }
        } catch {
            let isTold = (error as? OxbowError)?.code == .leaseEnded
            holder.withLock { $0.wasTold = isTold }
        }
        return holder.withLock { $0 }
    }
}

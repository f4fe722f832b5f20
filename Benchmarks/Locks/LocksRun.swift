import Foundation
import Logging
import Oxbow
import RESP
import RedisClient
import TestServers

/// One run: what a lock costs, how many tasks of many processes get along, and what a holder can do that stood still.
struct LocksRun: Sendable {
    let kind: ServerProcess.Kind
    let processes: Int
    let tasks: Int
    let duration: Duration
    let pauses: Int

    /// Each measurement of a lock alone, and its yardstick.
    private static let pairs = 1000

    func run() async throws -> LocksReport {
        let progress = Progress(steps: 5)
        defer { progress.finish() }
        progress.show("starting")
        let server = try await ServerProcess.start(self.kind)
        defer { server.stop() }
        let servers = WorkerServers.standalone(port: server.port)
        let workers = WorkerPool<LocksMessage>(self.processes) { worker in
            let settings = LocksSettings(servers: servers, process: worker)
            return ["locks", "worker", String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)]
        }
        let silent = Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        let oxbow = try Oxbow(servers.configuration, logger: silent)
        guard let client = oxbow.client else { throw BenchmarkError("this needs a server") }
        var figures = LocksFigures(self)
        try await oxbow.withRunning {
            progress.show("one lock alone, preparing")
            try await self.alone(oxbow, client, server, &figures)
            try await workers.start()
            progress.show("\(self.tasks) tasks for one lock, preparing", step: 1)
            figures.add(contended: try await self.contend(workers), duration: self.duration)
            progress.show("how soon waiters go on, preparing", step: 2)
            figures.add(wakes: try await self.handOver(workers))
            progress.show("what waiters send, preparing", step: 3)
            figures.add(commandsPerSecond: try await self.commandsWhileWaiting(workers, oxbow, server))
            progress.show("\(self.pauses) holders that stand still, preparing", step: 4)
            let database = FencedDatabase(client: client)
            let pauses = PauseRun(workers: workers, oxbow: oxbow, database: database, progress: progress)
            figures.add(pauses: try await pauses.run(self.pauses))
        }
        try await workers.end(by: .end)
        return LocksReport(run: self, machine: Machine(server: server), figures: figures)
    }

    // MARK: Alone

    /// Acquires and releases, and beside it what a lock costs that promises nothing: SET NX PX and DEL.
    private func alone(
        _ oxbow: Oxbow,
        _ client: RedisClient,
        _ server: ServerProcess,
        _ figures: inout LocksFigures
    ) async throws {
        for round in -1..<3 {
            let reads = try server.number("total_reads_processed")
            let lock = try await self.micros { try await oxbow.withLock("alone", waitingAtMost: .zero) { _ in } }
            let requests = try server.number("total_reads_processed") - reads
            let plain = try await self.micros {
                _ = try await client.execute(
                    RawCommand("SET", "plain", "0123456789abcdef", "NX", "PX", 30_000, returning: String?.self)
                )
                _ = try await client.execute(DEL(["plain"]))
            }
            // The first round warms all up. One request is that for the numbers.
            guard round >= 0 else { continue }
            figures.add(acquireRelease: lock, plain: plain, roundTrips: Double(requests - 1) / Double(Self.pairs))
        }
    }

    /// How many µs it takes on average.
    private func micros(_ body: () async throws -> Void) async throws -> Double {
        let start = SharedClock.now
        for _ in 0..<Self.pairs { try await body() }
        return Double(SharedClock.now - start) / 1000 / Double(Self.pairs)
    }

    // MARK: Together

    private var limit: Duration { self.duration + .seconds(90) }

    /// All tasks want one lock, and give it back at once.
    private func contend(_ workers: WorkerPool<LocksMessage>) async throws -> [LockTurn] {
        let until = SharedClock.time(self.duration, after: SharedClock.now)
        return try await workers.turns(
            LockLoad(name: "contended", tasks: self.tasks / self.processes, until: until),
            within: self.limit
        )
    }

    /// One task of each process wants the lock, holds it a while and rests.
    private func handOver(_ workers: WorkerPool<LocksMessage>) async throws -> [LockTurn] {
        let until = SharedClock.time(self.duration, after: SharedClock.now)
        return try await workers.turns(
            LockLoad(name: "handed", tasks: 1, until: until, holdMillis: 10, restMillis: 15),
            within: self.limit
        )
    }

    /// All tasks wait for a lock that this process holds.
    private func commandsWhileWaiting(
        _ workers: WorkerPool<LocksMessage>,
        _ oxbow: Oxbow,
        _ server: ServerProcess
    ) async throws -> Double {
        // Each process's beat is a script that calls HGETALL once; no lock does.
        let commands = { try server.calls(of: "evalsha", "eval", "get", "pttl") - server.calls(of: "hgetall") }
        let (rate, counted) = try await oxbow.withLock("waited-for-0", waitingAtMost: .zero) { _ in
            // Too late for a second turn.
            let until = SharedClock.time(.seconds(1), after: SharedClock.now)
            workers.send(.contend(LockLoad(name: "waited-for", tasks: self.tasks / self.processes, until: until)))
            try await Task.sleep(for: .seconds(1.5))
            let (before, start) = (try commands(), SharedClock.now)
            try await Task.sleep(for: .seconds(2))
            let (count, end) = (try commands() - before, SharedClock.now)
            return (Double(count) / (Double(end - start) / 1_000_000_000), end)
        }
        let (turns, errors) = try await workers.collectTurns(within: .seconds(60))
        guard errors.isEmpty, turns.count == self.tasks, turns.allSatisfy({ $0.entered > counted }) else {
            throw BenchmarkError("not all \(self.tasks) tasks have waited: \(turns.count), \(errors)")
        }
        return rate
    }
}

extension WorkerPool<LocksMessage> {
    /// Has all workers take turns.
    ///
    /// - Throws: ``BenchmarkError`` also when calls had errors: here nothing is broken.
    func turns(_ load: LockLoad, within limit: Duration) async throws -> [LockTurn] {
        self.send(.contend(load))
        let (turns, errors) = try await self.collectTurns(within: limit)
        guard errors.isEmpty else { throw BenchmarkError("locks could not be had: \(errors)") }
        return turns
    }

    /// Waits until all workers have taken their turns.
    func collectTurns(within limit: Duration) async throws -> (turns: [LockTurn], errors: [String: Int]) {
        var turns: [LockTurn] = []
        var count = 0
        var errors: [String: Int] = [:]
        try await self.awaitMessages(from: Set(self.indices), within: limit) { _, message in
            if case .turns(let some) = message { turns += some }
            guard case .done(let number, let some) = message else { return false }
            count += number
            errors.merge(some) { $0 + $1 }
            return true
        }
        guard turns.count == count else { throw BenchmarkError("\(count) turns were had, \(turns.count) were told") }
        return (turns, errors)
    }
}

extension ServerProcess {
    /// A number of INFO.
    fileprivate func number(_ name: String) throws -> Int {
        let line = try self.cli("info", "all").split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        guard let number = line.flatMap({ Int($0.dropFirst(name.count + 1)) }) else {
            throw BenchmarkError("the server does not tell \(name)")
        }
        return number
    }
}

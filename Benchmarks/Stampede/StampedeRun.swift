import Foundation
import TestServers

/// One run: workers, cold keys that all callers of all workers ask for at once, and the yardstick beside it.
struct StampedeRun: Sendable {
    let kind: ServerProcess.Kind
    let processes: Int
    let callers: Int
    let rounds: Int
    let kills: Int
    let load: Duration
    /// Whether loads that fail are measured too.
    let failing: Bool

    /// So long before the start the order to ask goes out: by then all callers stand ready.
    private static let lead = Duration.milliseconds(500)
    private static let limit = Duration.seconds(120)
    /// A load that is killed takes so long at least: its worker must be found in time.
    private static let leastKilledLoad = Duration.seconds(1)

    func run() async throws -> StampedeReport {
        let failingRounds = self.failing ? StampedeFailing.rounds : 0
        let progress = Progress(steps: 2 + self.rounds + self.kills + failingRounds)
        defer { progress.finish() }
        progress.show("starting")
        let server = try await ServerProcess.start(self.kind)
        defer { server.stop() }
        let settings = StampedeSettings(servers: .standalone(port: server.port), callers: self.callers)
        let text = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        let workers = WorkerPool<StampedeMessage>(self.processes) { _ in ["stampede", "worker", text] }
        try await workers.start()
        let machine = Machine(server: server)
        var figures = StampedeFigures(self)
        for round in 0..<self.rounds {
            progress.show("round \(round + 1)", step: 1 + round)
            figures.add(round: try await self.ask(workers, "cold-\(round)"))
            figures.add(yardstick: try await self.wake(workers))
        }
        for round in 0..<self.kills {
            progress.show("round \(round + 1) with a loader killed", step: 1 + self.rounds + round)
            figures.add(killed: try await self.askAndKill(workers, "killed-\(round)", server))
            try await workers.start()
        }
        try await workers.end(by: .end)
        var failing = StampedeFailing()
        if self.failing {
            let settings = StampedeSettings(servers: settings.servers, callers: StampedeFailing.callers)
            let text = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
            let workers = WorkerPool<StampedeMessage>(StampedeFailing.processes) { _ in ["stampede", "worker", text] }
            try await workers.start()
            for round in 0..<failingRounds {
                progress.show("round \(round + 1) with a failing load", step: 1 + self.rounds + self.kills + round)
                failing.add(try await self.askFailing(workers, "failing-\(round)"))
            }
            try await workers.end(by: .end)
        }
        return StampedeReport(run: self, machine: machine, figures: figures, failing: self.failing ? failing : nil)
    }

    /// All callers ask for a key whose loads fail.
    private func askFailing(_ workers: WorkerPool<StampedeMessage>, _ key: String) async throws -> StampedeRound {
        let moment = SharedClock.time(Self.lead, after: SharedClock.now)
        let millis = Int(StampedeFailing.load / .milliseconds(1))
        workers.send(.ask(key: key, at: moment, loadMillis: millis, fails: true))
        var round = StampedeRound()
        try await workers.awaitMessages(from: Set(workers.indices), within: Self.limit) { round.take($1) }
        return round
    }

    /// All callers ask for a key.
    ///
    /// - Returns: how many loads there were, and how long each caller waited.
    private func ask(_ workers: WorkerPool<StampedeMessage>, _ key: String) async throws -> StampedeRound {
        workers.send(self.order(key, self.load))
        var round = StampedeRound()
        try await workers.awaitMessages(from: Set(0..<self.processes), within: Self.limit) { round.take($1) }
        return round
    }

    /// All tasks wait, and are woken.
    private func wake(_ workers: WorkerPool<StampedeMessage>) async throws -> StampedeRound {
        let all = Set(0..<self.processes)
        workers.send(.park)
        try await workers.awaitMessages(from: all, within: Self.limit) { _, message in message == .ready }
        workers.send(.wake(at: SharedClock.now))
        var round = StampedeRound()
        try await workers.awaitMessages(from: all, within: Self.limit) { round.take($1) }
        return round
    }

    /// All callers ask for a key, and the process that loads dies in the middle.
    private func askAndKill(
        _ workers: WorkerPool<StampedeMessage>,
        _ key: String,
        _ server: ServerProcess
    ) async throws -> StampedeKill {
        let load = max(self.load, Self.leastKilledLoad)
        workers.send(self.order(key, load))
        var round = StampedeRound()
        var loader: Int?
        // From any one: whoever is asked first is as good as another.
        while loader == nil {
            let (worker, message) = try await workers.next(from: Set(workers.indices), within: Self.limit)
            _ = round.take(message)
            if case .loads = message { loader = worker }
        }
        guard let loader else { throw BenchmarkError("nobody loads") }
        try await Task.sleep(for: load / 2)
        let killed = SharedClock.now
        workers.kill(loader)
        guard let rest = Int(try server.cli("pttl", "ox-cache:stampede:1:\(key)")), rest > 0 else {
            throw BenchmarkError("the loader's claim is not where it is looked for")
        }
        let claimEnd = SharedClock.time(.milliseconds(rest), after: SharedClock.now)
        let others = Set(0..<self.processes).subtracting([loader])
        try await workers.awaitMessages(from: others, within: Self.limit) { round.take($1) }
        return StampedeKill(round: round, killed: killed, claimEnd: claimEnd, load: load)
    }

    private func order(_ key: String, _ load: Duration) -> StampedeMessage {
        .ask(
            key: key,
            at: SharedClock.time(Self.lead, after: SharedClock.now),
            loadMillis: Int(load / .milliseconds(1))
        )
    }
}

/// What became of one key.
struct StampedeRound: Sendable {
    private(set) var loads = 0
    /// Commands that the store did not answer in time.
    private(set) var unanswered = 0
    private(set) var waits: [StampedeMessage.Wait] = []

    /// - Returns: whether it is a worker's last message of the round.
    mutating func take(_ message: StampedeMessage) -> Bool {
        switch message {
        case .loads:
            self.loads += 1
            return false
        case .done(let waits, let unanswered):
            self.waits += waits
            self.unanswered += unanswered
            return true
        default: return false
        }
    }
}

/// What became of a key whose loader was killed.
struct StampedeKill: Sendable {
    var round: StampedeRound
    var killed: UInt64
    /// When the dead loader's claim ended.
    var claimEnd: UInt64
    /// How long a load took.
    var load: Duration
}

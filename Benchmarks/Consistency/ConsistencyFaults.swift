import ConsistencyHistory
import Foundation
import OxbowTesting
import Seeded
import Synchronization
import TestServers

/// What can be broken.
enum ConsistencyFault: String, Sendable {
    /// One worker's network stands still for a while; held bytes go on behind it, or the connections are reset.
    case partition
    /// Everybody's.
    case partitionAll = "partition-all"
    /// One worker's network is slow.
    case delay
    /// One worker's connections end.
    case reset
    /// One worker's commands are carried out and never answered.
    case dropReplies = "drop-replies"
    /// One worker cannot connect.
    case refuse
    /// The server stands still (SIGSTOP) and goes on.
    case pauseServer = "pause-server"
    /// The server forgets everything (FLUSHALL).
    case flush
    /// All connections end (CLIENT KILL on every server).
    case killClients = "kill-clients"
    /// A worker dies (SIGKILL) and comes back.
    case killWorker = "kill-worker"
    /// A master dies (SIGKILL), is replaced, and comes back.
    case killMaster = "kill-master"
    /// A master stands still (SIGSTOP), is replaced, and goes on.
    case stopMaster = "stop-master"
    /// A master restarts from an old snapshot.
    case restore

    static func ofNetwork(_ topology: ConsistencyTopology) -> [ConsistencyFault] {
        topology == .standalone
            ? [.partition, .partition, .partitionAll, .delay, .reset, .dropReplies, .refuse]
            : [.killMaster, .stopMaster, .restore]
    }

    static func ofProcesses(_ topology: ConsistencyTopology) -> [ConsistencyFault] {
        topology == .standalone
            ? [.pauseServer, .killClients, .killWorker, .flush, .restore] : [.killClients, .killWorker]
    }
}

/// Breaks one thing after the other at random moments, mends it, and writes down what it did.
struct ConsistencyFaults: Sendable {
    let topology: ConsistencyTopology
    let setting: ConsistencySetting
    /// The processes that can be killed; `nil`: there are none.
    let workers: ConsistencyWorkers?
    /// What masters are restored from; `nil`: they are not.
    let snapshots: ConsistencySnapshots?
    /// How many networks there are, one for each worker.
    let count: Int
    let ends: UInt64
    /// Told of each fault when it is over.
    let record: @Sendable (HistoryRecord) throws -> Void

    /// How long after a new master takes writes a stale read counts as the failover's: by then every process has seen the
    /// new master and repeated its last invalidations, and an old master that was resumed has become a replica.
    static let timeUntilReplayed = Duration.seconds(5)
    /// A failover that would not be over by the end is not begun.
    static let failoverTime = Duration.seconds(8)

    /// Breaks things until the end: networks and masters in one row, processes in another one, so that faults overlap.
    func run(seed: UInt64) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Between failovers longer, or all of the run would be around one.
                let pause = self.topology == .standalone ? 200...1200 : 2000...8000
                let faults = self.possible(ConsistencyFault.ofNetwork(self.topology))
                try await self.run(faults, SeededGenerator(seed: seed), pause)
            }
            group.addTask {
                let faults = self.possible(ConsistencyFault.ofProcesses(self.topology))
                try await self.run(faults, SeededGenerator(seed: ~seed), 500...2500)
            }
            // The first error ends the other one as well.
            for try await _ in group {}
        }
    }

    private func possible(_ faults: [ConsistencyFault]) -> [ConsistencyFault] {
        faults.filter { fault in
            (fault != .killWorker || self.workers != nil) && (fault != .restore || self.snapshots != nil)
        }
    }

    private func run(_ faults: [ConsistencyFault], _ start: SeededGenerator, _ pause: ClosedRange<Int>) async throws {
        var random = start
        while true {
            await SharedClock.sleep(
                until: min(self.ends, SharedClock.time(random.duration(pause), after: SharedClock.now))
            )
            try Task.checkCancellation()
            guard SharedClock.now < self.ends else { return }
            for worker in 0..<self.count { try self.workers?.checkAlive(worker) }
            // Here, where no fault of this row keeps a master from saving.
            if faults.contains(.restore) { self.snapshots?.take(of: self.setting) }
            guard let fault = faults.randomElement(using: &random) else { return }
            let worker = Int.random(in: 0..<self.count, using: &random)
            let began = SharedClock.now
            if fault == .restore {
                _ = try await self.restore(worker, &random)
                continue
            }
            guard try await self.inject(fault, worker, &random) else { continue }
            let isOfOne = [.partition, .delay, .reset, .dropReplies, .refuse, .killWorker].contains(fault)
            try self.record(.fault, fault.rawValue, worker: isOfOne ? worker : -1, began: began, ended: SharedClock.now)
        }
    }

    func record(
        _ kind: HistoryRecord.Kind,
        _ name: String,
        worker: Int = -1,
        began: UInt64,
        ended: UInt64,
        version: Int = 0
    ) throws {
        try self.record(
            HistoryRecord(
                kind,
                process: worker,
                task: 0,
                key: name,
                began: began,
                ended: ended,
                version: version,
                outcome: .none
            )
        )
    }

    /// - Returns: `false` if it was not done.
    private func inject(_ fault: ConsistencyFault, _ worker: Int, _ random: inout SeededGenerator) async throws -> Bool
    {
        switch fault {
        case .killClients:
            for server in self.setting.dataServers where server.isRunning {
                // One that hangs or dies at this moment has no clients either.
                _ = try? server.cli("client", "kill", "type", "normal")
            }
        case .killWorker:
            try self.workers?.kill(worker)
            try await Task.sleep(for: random.duration(0...500))
            try self.workers?.start(worker)
        case .killMaster, .stopMaster: return try await self.failOver(fault, &random)
        default:
            guard case .standalone(let server, let proxies) = self.setting else { return false }
            try await self.inject(fault, server, proxies, worker, &random)
        }
        return true
    }

    private func inject(
        _ fault: ConsistencyFault,
        _ server: ServerProcess,
        _ proxies: [FaultProxy],
        _ worker: Int,
        _ random: inout SeededGenerator
    ) async throws {
        let proxy = proxies[worker]
        switch fault {
        case .partition, .partitionAll:
            let affected = fault == .partition ? [proxy] : proxies
            for proxy in affected { proxy.set(.blackhole) }
            try await Task.sleep(for: random.duration(100...(random.oneIn(3) ? 2500 : 800)))
            for proxy in affected {
                if random.oneIn(2) { proxy.resetConnections() }
                proxy.set(.pass)
            }
        case .delay:
            var behavior = FaultProxy.Behavior()
            behavior.requests.delay = random.duration(0...60)
            behavior.replies.delay = random.duration(0...60)
            proxy.set(behavior)
            try await Task.sleep(for: random.duration(300...1500))
            proxy.set(.pass)
        case .reset: proxy.resetConnections()
        case .dropReplies:
            proxy.set(.dropReplies)
            try await Task.sleep(for: random.duration(50...700))
            proxy.resetConnections()
            proxy.set(.pass)
        case .refuse:
            try await proxy.refuse()
            proxy.resetConnections()
            try await Task.sleep(for: random.duration(50...1000))
            try await proxy.listen()
        case .pauseServer:
            server.pause()
            defer { server.resume() }
            try await Task.sleep(for: random.duration(100...1500))
        default:
            // A server that hangs has nothing to forget.
            _ = try? server.cli("flushall")
        }
    }

    // MARK: Failover

    /// Breaks a master, waits until another server takes writes in its place, brings it back, and waits until all is well.
    private func failOver(_ fault: ConsistencyFault, _ random: inout SeededGenerator) async throws -> Bool {
        guard SharedClock.time(Self.failoverTime, after: SharedClock.now) < self.ends else { return false }
        let tag = "failover-\(Int.random(in: 0..<1000, using: &random))"
        let (master, password) = try await Self.insistently {
            switch self.setting {
            case .standalone(let server, _): (server, "")
            case .sentinel(let topology): (try topology.master(), topology.password)
            case .cluster(let topology): (try topology.master(of: tag), topology.password)
            }
        }
        let probe = WriteProbe(
            ports: self.setting.dataServers.filter { $0 !== master }.map(\.port),
            password: password,
            key: "{\(tag)}:probe",
            isFront: false
        )
        let began = SharedClock.now
        if fault == .killMaster { try await master.kill() } else { master.pause() }
        guard try await probe.firstWrite(within: .seconds(30)) != nil else {
            throw BenchmarkError("no server took a write within 30 s after a master was broken")
        }
        let replaced = SharedClock.now
        try await Task.sleep(for: random.duration(0...1000))
        try await Self.insistently { try await self.setting.restore() }
        try self.record(
            .failover,
            fault.rawValue,
            began: began,
            ended: SharedClock.time(Self.timeUntilReplayed, after: replaced)
        )
        return true
    }

    /// Tries a few times: the other row of faults may end the connection by which a server is asked.
    static func insistently<Value>(_ body: () async throws -> Value) async throws -> Value {
        for _ in 0..<4 {
            do { return try await body() } catch is ServerProcessError {}
            try await Task.sleep(for: .milliseconds(100))
        }
        return try await body()
    }
}

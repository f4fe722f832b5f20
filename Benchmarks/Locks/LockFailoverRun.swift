import Foundation
import TestServers

/// One run in which masters die while many tasks of many processes take and hold locks, some of which are lost or had twice.
///
/// First plain locks, then those that a replica has confirmed.
struct LockFailoverRun: Sendable {
    let topology: ConsistencyTopology
    let kind: ServerProcess.Kind
    let processes: Int
    let tasks: Int
    let duration: Duration
    /// For so long before their master dies the replicas hear nothing.
    let lag: Duration

    /// A failover that would not be over by the end is not begun.
    private static let failoverTime = Duration.seconds(12)
    private static let lease = Duration.seconds(5)

    func run() async throws -> LockFailoverReport {
        let progress = Progress(steps: 2)
        defer { progress.finish() }
        progress.show("starting")
        let setting = try await ConsistencySetting.start(self.topology, self.kind, workers: self.processes)
        defer { setting.stop() }
        let workers = WorkerPool<LocksMessage>(self.processes) { worker in
            let settings = LocksSettings(servers: setting.servers(forWorker: worker), process: worker)
            return ["locks", "worker", String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)]
        }
        try await workers.start()
        var rows: [LockFailoverReport.Row] = []
        for replicas in 0...1 {
            progress.show("locks that \(replicas) replicas have confirmed, preparing", step: replicas)
            rows.append(try await self.contend(workers, setting, confirmedBy: replicas))
        }
        try await workers.end(by: .end)
        let server = setting.dataServers.first { $0.isRunning }
        guard let machine = server.map({ Machine(server: $0) }) else { throw BenchmarkError("no server runs") }
        return LockFailoverReport(run: self, machine: machine, rows: rows)
    }

    private func contend(
        _ workers: WorkerPool<LocksMessage>,
        _ setting: ConsistencySetting,
        confirmedBy replicas: Int
    ) async throws -> LockFailoverReport.Row {
        let before = setting.failovers
        let until = SharedClock.time(self.duration, after: SharedClock.now)
        let load = LockLoad(
            name: "confirmed-by-\(replicas)",
            locks: self.tasks / 2,
            tasks: self.tasks / self.processes,
            until: until,
            holdMillis: 3000,
            restMillis: 20,
            leaseMillis: Int(Self.lease / .milliseconds(1)),
            confirmedBy: replicas
        )
        workers.send(.contend(load))
        while SharedClock.time(Self.failoverTime, after: SharedClock.now) < until {
            try await Task.sleep(for: .seconds(2))
            try await self.failOver(setting)
        }
        let (turns, errors) = try await workers.collectTurns(within: self.duration + .seconds(120))
        return LockFailoverReport.Row(
            confirmedBy: replicas,
            failovers: setting.failovers - before,
            turns: turns,
            errors: errors
        )
    }

    /// Kills a master whose replicas lag behind, waits for another one, and brings all in order.
    private func failOver(_ setting: ConsistencySetting) async throws {
        let (master, replicas): (ServerProcess, [ServerProcess])
        switch setting {
        case .standalone: throw BenchmarkError("there is nobody to fail over to")
        case .sentinel(let topology): (master, replicas) = (try topology.master(), try topology.replicas())
        case .cluster(let topology):
            guard let any = try topology.masters().randomElement() else { throw BenchmarkError("no master runs") }
            (master, replicas) = (any, try topology.replicas(of: any))
        }
        let before = setting.failovers
        for replica in replicas { replica.pause() }
        do {
            defer { for replica in replicas { replica.resume() } }
            // Or they would find in their sockets what the master has written meanwhile.
            try master.cli("client", "kill", "type", "replica")
            try await Task.sleep(for: self.lag)
            try await master.kill()
        }
        let end = ContinuousClock.now + .seconds(30)
        while setting.failovers == before {
            guard ContinuousClock.now < end else { throw BenchmarkError("no replica became a master") }
            try await Task.sleep(for: .milliseconds(50))
        }
        try await setting.restore()
    }
}

/// What a run found, and how it is shown.
struct LockFailoverReport: Sendable {
    struct Row: Sendable {
        var confirmedBy: Int
        var failovers: Int
        var turns: [LockTurn]
        var errors: [String: Int]

        var values: [String: Double] {
            let conflicts = LockConflicts(self.turns)
            let waits = self.turns.map { Double($0.entered - $0.asked) / 1_000_000 }
            var values = [
                "failovers": Double(self.failovers), "turns": Double(self.turns.count),
                "locksLost": Double(self.turns.count(where: \.isLost)),
                "overlappingHolders": Double(conflicts.overlaps),
                "fencesOutOfOrder": Double(conflicts.fencesOutOfOrder),
                "p50WaitMillis": waits.percentile(50), "p99WaitMillis": waits.percentile(99),
                "longestWaitMillis": waits.max() ?? 0,
            ]
            for (kind, count) in self.errors { values["errors: \(kind)"] = Double(count) }
            return values
        }
    }

    let run: LockFailoverRun
    let machine: Machine
    let rows: [Row]

    var resultFile: ResultFile<[String: Double]> {
        ResultFile(
            machine: self.machine,
            rows: self.rows.map { row in
                ResultFile.Entry(
                    family: "locks",
                    workload: "\(self.run.topology.rawValue)-failovers-confirmed-by-\(row.confirmedBy)",
                    figures: row.values,
                    yardstick: "locks that no replica has confirmed",
                    repeats: 1
                )
            }
        )
    }

    var text: String {
        let names = Set(self.rows.flatMap(\.values.keys)).sorted()
        let cells = names.map { name in [name] + self.rows.map { String(Int(($0.values[name] ?? 0).rounded())) } }
        return [
            "locks on a \(self.run.topology.rawValue) topology whose masters die: \(self.run.processes) processes with "
                + "\(self.run.tasks) tasks together, replicas lag by \(self.run.lag)\n\(self.machine.server) · \(self.machine.cpu) · "
                + "\(self.machine.cores) cores · Linux \(self.machine.kernel) · Swift \(self.machine.swift)",
            Columns(header: ["figure"] + self.rows.map { "confirmed by \($0.confirmedBy)" }, rows: cells, left: [0])
                .text,
            """
            locksLost: whose holder was told of the loss; overlappingHolders: two who had a lock at once, which asynchronous \
            replication allows for locks that nobody has confirmed. fencesOutOfOrder: a later holder with a lower number; here all servers have \
            one clock. \
            errors: calls that got no lock, or lost it (leaseEnded).
            """,
        ]
        .joined(separator: "\n\n")
    }
}

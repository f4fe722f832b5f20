import Foundation
import Logging
import Oxbow
import TestServers

/// One run: many processes ask for the permits of one key, by each algorithm in turn.
struct LimiterRun: Sendable {
    let kind: ServerProcess.Kind
    let processes: Int
    let tasks: Int
    let permits: Int
    let window: Duration
    let duration: Duration

    /// Each measurement of decisions one after another.
    private static let decisions = 2000

    func run() async throws -> LimiterReport {
        let progress = Progress(steps: 4)
        defer { progress.finish() }
        progress.show("starting")
        let server = try await ServerProcess.start(self.kind)
        defer { server.stop() }
        let servers = WorkerServers.standalone(port: server.port)
        let workers = WorkerPool<LimiterMessage>(self.processes) { _ in
            ["limiter", "worker", String(decoding: try JSONEncoder().encode(servers), as: UTF8.self)]
        }
        try await workers.start()
        let silent = Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        let oxbow = try Oxbow(servers.configuration, logger: silent)
        let rows = try await oxbow.withRunning {
            progress.show("one decision after another, preparing")
            let costs = try await self.costs(oxbow, server)
            var rows: [LimiterFigures] = []
            for (step, algorithm) in BenchLimiter.Algorithm.allCases.enumerated() {
                progress.show("\(algorithm.rawValue), preparing", step: 1 + step)
                var figures = LimiterFigures(self.limiter(algorithm), costs[algorithm] ?? [])
                figures.add(steady: try await self.ask(workers, algorithm, inBursts: false), over: self.duration)
                figures.add(bursts: try await self.ask(workers, algorithm, inBursts: true))
                rows.append(figures)
            }
            return rows
        }
        try await workers.end(by: .end)
        return LimiterReport(run: self, machine: Machine(server: server), rows: rows)
    }

    private func limiter(_ algorithm: BenchLimiter.Algorithm) -> BenchLimiter {
        BenchLimiter(
            algorithm: algorithm,
            permits: self.permits,
            windowMillis: Int((self.window / .milliseconds(1)).rounded())
        )
    }

    /// What decisions cost that nobody else asks for: in turn, so that all see the same machine.
    private func costs(
        _ oxbow: Oxbow,
        _ server: ServerProcess
    ) async throws -> [BenchLimiter.Algorithm: [LimiterFigures.Cost]] {
        var costs: [BenchLimiter.Algorithm: [LimiterFigures.Cost]] = [:]
        for round in -1..<3 {
            for algorithm in BenchLimiter.Algorithm.allCases {
                // All are given: a sliding log takes no larger limit, and it is not reached within a second.
                let permits = algorithm == .slidingLog ? 10_000 : 1_000_000
                let limiter = BenchLimiter(algorithm: algorithm, permits: permits, windowMillis: 1000)
                let acquire = try limiter.acquirer(on: oxbow)
                let before = ProcessorTime.of(process: server.pid) ?? 0
                let start = SharedClock.now
                for _ in 0..<Self.decisions { _ = try await acquire("alone") }
                let cost = LimiterFigures.Cost(
                    micros: Double(SharedClock.now - start) / 1000 / Double(Self.decisions),
                    serverMicros: ((ProcessorTime.of(process: server.pid) ?? 0) - before) / Double(Self.decisions)
                )
                // The first round warms all up.
                if round >= 0 { costs[algorithm, default: []].append(cost) }
            }
        }
        return costs
    }

    private func ask(
        _ workers: WorkerPool<LimiterMessage>,
        _ algorithm: BenchLimiter.Algorithm,
        inBursts: Bool
    ) async throws -> (permits: [Permit], decisions: Int) {
        let now = SharedClock.now
        for worker in workers.indices {
            let load = LimiterLoad(
                limiter: self.limiter(algorithm),
                key: inBursts ? "in bursts" : "steadily",
                inBursts: inBursts,
                asksFirst: worker == 0,
                start: now,
                tasks: self.tasks / self.processes,
                until: SharedClock.time(self.duration, after: now)
            )
            workers.send(.ask(load), to: worker)
        }
        var (permits, decisions, count) = ([Permit](), 0, 0)
        try await workers.awaitMessages(from: Set(workers.indices), within: self.duration + .seconds(60)) {
            _,
            message in
            if case .permits(let some) = message { permits += some }
            guard case .done(let some, let given) = message else { return false }
            decisions += some
            count += given
            return true
        }
        guard permits.count == count else {
            throw BenchmarkError("\(count) permits were given, \(permits.count) were told")
        }
        return (permits, decisions)
    }
}

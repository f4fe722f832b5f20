import ConsistencyHistory
import Foundation
import Logging
import Oxbow
import Synchronization
import TestServers

/// One run: servers, a steady load in this process, and faults.
struct SoakRun: Sendable {
    let topology: ConsistencyTopology
    let kind: ServerProcess.Kind
    let duration: Duration
    let breaks: Bool
    /// How long the server stands still, from a while after the start on; `nil`: not at all.
    let stall: Duration?
    let rate: Int
    let seed: UInt64

    func run() async throws -> SoakReport {
        let progress = ConsistencyProgress()
        defer { progress.finish() }
        progress.show("starting the servers")
        let setting = try await ConsistencySetting.start(self.topology, self.kind, workers: 1)
        defer { setting.stop() }
        guard let server = setting.dataServers.first else { throw BenchmarkError("there is no server") }
        let machine = Machine(server: server)
        let oxbow = try Oxbow(
            setting.servers(forWorker: 0).configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let load = try SoakLoad(oxbow, self)
        let faults = Mutex<[HistoryRecord]>([])
        return try await oxbow.withRunning {
            let ends = SharedClock.time(self.duration, after: SharedClock.now)
            let samples = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run() }
                // Ends the load.
                defer { group.cancelAll() }
                let injector = ConsistencyFaults(
                    topology: self.topology,
                    setting: setting,
                    workers: nil,
                    snapshots: nil,
                    count: 1,
                    ends: ends
                ) { record in faults.withLock { $0.append(record) } }
                async let broken: Void = self.breaks ? injector.run(seed: self.seed) : ()
                async let stalled: Void = self.stall(server, until: ends)
                let samples = await self.watch(load, progress, until: ends)
                try await broken
                try await stalled
                return samples
            }
            try await setting.restore()
            return SoakReport(
                run: self,
                machine: machine,
                samples: samples,
                load: load.figures,
                stale: load.stale,
                faults: faults.withLock { $0 },
                journal: oxbow.invalidationJournal
            )
        }
    }

    /// Before a stall the load runs for so long, and memory is what it is without a fault.
    static let beforeStall = Duration.seconds(15)

    /// Stops a server where it stands (SIGSTOP), and lets it go on.
    private func stall(_ server: ServerProcess, until ends: UInt64) async throws {
        guard let stall else { return }
        try await Task.sleep(for: Self.beforeStall)
        server.pause()
        defer { server.resume() }
        try await Task.sleep(for: stall)
    }

    /// Looks at load and memory each second.
    private func watch(_ load: SoakLoad, _ progress: ConsistencyProgress, until ends: UInt64) async -> [SoakSample] {
        var samples: [SoakSample] = []
        while SharedClock.now < ends, !Task.isCancelled {
            await SharedClock.sleep(until: min(ends, SharedClock.time(.seconds(1), after: SharedClock.now)))
            let sample = SoakSample(
                time: SharedClock.now,
                figures: load.figures,
                resident: SoakSample.residentMegabytes,
                hits: load.hits
            )
            samples.append(sample)
            let figures = sample.figures
            progress.show(
                "\(figures.requests) operations, \(figures.failures.values.reduce(0, +)) failed, \(Int(sample.resident)) MB"
            )
        }
        return samples
    }
}

/// How it stood at one moment.
struct SoakSample: Sendable {
    var time: UInt64
    var figures: SoakFigures
    /// Memory of this process.
    var resident: Double
    /// Of both caches, so far.
    var hits: UInt64

    static var residentMegabytes: Double {
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return Double(fields?.dropFirst().first.flatMap { Int($0) } ?? 0) * Double(getpagesize()) / 1_048_576
    }
}

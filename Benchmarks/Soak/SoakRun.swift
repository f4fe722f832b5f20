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
        let load = SoakLoad(oxbow, self)
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
                    count: 1,
                    ends: ends
                ) { record in faults.withLock { $0.append(record) } }
                async let broken: Void = self.breaks ? injector.run(seed: self.seed) : ()
                let samples = await self.watch(load, progress, until: ends)
                try await broken
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

    /// Looks at load and memory each second.
    private func watch(_ load: SoakLoad, _ progress: ConsistencyProgress, until ends: UInt64) async -> [SoakSample] {
        var samples: [SoakSample] = []
        while SharedClock.now < ends, !Task.isCancelled {
            await SharedClock.sleep(until: min(ends, SharedClock.time(.seconds(1), after: SharedClock.now)))
            let sample = SoakSample(
                time: SharedClock.now,
                figures: load.figures,
                resident: SoakSample.residentMegabytes
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

    static var residentMegabytes: Double {
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return Double(fields?.dropFirst().first.flatMap { Int($0) } ?? 0) * Double(getpagesize()) / 1_048_576
    }
}

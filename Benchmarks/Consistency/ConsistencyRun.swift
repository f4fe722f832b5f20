import ConsistencyHistory
import Foundation
import TestServers

/// One run: servers, workers that write histories, faults, and the judgment of the histories.
struct ConsistencyRun: Sendable {
    let topology: ConsistencyTopology
    let kind: ServerProcess.Kind
    let duration: Duration
    let processes: Int
    let seed: UInt64
    /// Whether workers recover what a restore brings back.
    let recovers: Bool
    /// Where the history stays; `nil`: it is removed.
    let kept: URL?

    /// How long workers may take to end, once all is mended.
    private static let limit = Duration.seconds(20)

    /// - Throws: ``BenchmarkError`` when something went wrong that is no fault of ours; what servers throw.
    func run() async throws -> ConsistencyReport {
        let folder = FileManager.default.temporaryDirectory.appending(path: "oxbow-consistency-\(UUID().uuidString)")
        let histories = self.kept ?? folder.appending(path: "history")
        for folder in [folder, histories] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let (machine, failovers) = try await self.writeHistories(in: folder, histories)
        return try ConsistencyReport(run: self, machine: machine, failovers: failovers, Self.files(in: histories))
    }

    /// - Returns: where it ran, and how often a master was replaced.
    private func writeHistories(in folder: URL, _ histories: URL) async throws -> (Machine, failovers: Int) {
        let progress = ConsistencyProgress()
        defer { progress.finish() }
        progress.show("starting the servers")
        let setting = try await ConsistencySetting.start(self.topology, self.kind, workers: self.processes)
        defer { setting.stop() }
        guard let server = setting.dataServers.first else { throw BenchmarkError("there is no server") }
        let machine = Machine(server: server)
        let failoversBefore = setting.failovers
        let database = folder.appending(path: "database")
        try FileManager.default.createDirectory(at: database, withIntermediateDirectories: true)
        let ends = SharedClock.time(self.duration, after: SharedClock.now)
        let seed = self.seed
        let workers = ConsistencyWorkers(self.processes, in: folder) { process, life in
            ConsistencySettings(
                process: process,
                seed: seed &+ UInt64(process) &* 1_000_003 &+ UInt64(life) &* 7_919,
                ends: ends,
                servers: setting.servers(forWorker: process),
                database: database,
                history: Self.file("worker-\(process)-\(life)", histories),
                recovers: self.recovers
            )
        }
        let history = try HistoryWriter(Self.file("faults", histories))
        let faults = ConsistencyFaults(
            topology: self.topology,
            setting: setting,
            workers: workers,
            snapshots: ConsistencySnapshots(in: folder),
            count: self.processes,
            ends: ends
        ) { record in
            try history.add(record)
            try history.flush()
        }
        try workers.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await faults.run(seed: seed) }
            group.addTask { await self.showProgress(progress, workers, until: ends) }
            for try await _ in group {}
        }
        progress.show("workers finish")
        try await setting.restore()
        try await workers.awaitEnd(within: Self.limit)
        progress.show("checking the history")
        return (machine, setting.failovers - failoversBefore)
    }

    private func showProgress(_ progress: ConsistencyProgress, _ workers: ConsistencyWorkers, until ends: UInt64) async
    {
        var last = 0
        while SharedClock.now < ends, !Task.isCancelled {
            await SharedClock.sleep(until: min(ends, SharedClock.time(.seconds(1), after: SharedClock.now)))
            let operations = workers.operations
            progress.show("\(operations) operations, \(operations - last) in the last second")
            last = operations
        }
    }

    private static func file(_ name: String, _ folder: URL) -> URL { folder.appending(path: "\(name).history") }

    /// The histories in a folder.
    ///
    /// - Throws: ``BenchmarkError`` if there are none.
    static func files(in folder: URL) throws -> [URL] {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "history" }
        guard !files.isEmpty else { throw BenchmarkError("\(folder.path): no *.history files there") }
        return files.sorted { $0.path < $1.path }
    }
}

/// Says on standard error what is going on: rewritten in place on a terminal, elsewhere a line every ten seconds.
final class ConsistencyProgress: Sendable {
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private let start = ContinuousClock.now

    func show(_ text: String) {
        let elapsed = Int((ContinuousClock.now - self.start) / .seconds(1))
        if self.isTerminal {
            self.write("\r\u{1B}[K[\(elapsed) s] \(text)")
        } else if elapsed % 10 == 0 || !text.contains("operations") {
            self.write("[\(elapsed) s] \(text)\n")
        }
    }

    func finish() { if self.isTerminal { self.write("\r\u{1B}[K") } }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

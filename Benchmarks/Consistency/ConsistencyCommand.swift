import ArgumentParser
import ConsistencyHistory
import Foundation
import TestServers

/// The command line of `oxbow-bench consistency`.
struct ConsistencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench consistency",
        abstract: "Looks for stale reads while networks, servers and processes break.",
        discussion: """
            Starts private servers and some worker processes, in which many tasks read and change few entries of caches \
            through Oxbow, over a database of version numbers that all share and that takes its time. Meanwhile things \
            break at random: standalone: networks of one worker or all (partition, delay, reset, lost replies), the server \
            (SIGSTOP, FLUSHALL, a restart from a snapshot), connections (CLIENT KILL), workers (SIGKILL); sentinel and \
            cluster: masters (SIGKILL, SIGSTOP, and their return; a restart of one and its replicas from a snapshot), \
            connections, workers. A snapshot is 1 to 120 s old; half of the entries have a TTL of 600 s and change \
            seldom, \
            so that it brings back old values.

            Each worker writes down what it did and saw. A checker that knows nothing else looks for reads that began \
            after an invalidation or update had returned, and gave a version older than the database's when the \
            invalidation began (the one that an update wrote).

              staleReads                 must be 0, after restores too
              restores                   how often a master went back to a snapshot
              staleReadsReplicationLoss  such reads from a master's end until 5 s after another one takes writes: \
            replication is asynchronous
              secondsAroundFailovers     how long that was, up to the last of it
              staleReadsPlain            the same of plain cache-aside on other keys, as a control
              invalidationsDuringLoad    invalidations that overlapped a load of the same key

            The run is invalid, and the exit status 1, with fewer than 1000 invalidationsDuringLoad, when the control \
            shows no stale read, when --without-beat shows none in spite of restores, and when a worker ends by \
            itself. Exit status 0 means that the run was valid, not that \
            there were no stale reads.

            oxbow-bench consistency check DIR judges a history that was kept (--keep-history DIR).
            """
    )

    @Option(
        help: "How the servers are arranged: \(ConsistencyTopology.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var topology: ConsistencyTopology

    @Option(help: "How long the workers work.")
    var seconds: Double = 60

    @Option(help: "How many worker processes.")
    var processes: Int = 4

    @Option(help: ArgumentHelp("The servers' program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(help: "Decides about all random choices; the scheduler does the rest. Drawn anew by default.")
    var seed: UInt64?

    @Flag(help: "Control: workers neither watch for restores nor repeat invalidations, and must read stale values.")
    var withoutBeat = false

    @Option(help: ArgumentHelp("Keep the history in this folder, which must be empty or new.", valueName: "dir"))
    var keepHistory: String?

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(1...86_400).contains(self.seconds) { throw ValidationError("--seconds must be in 1 … 86400") }
        if !(1...64).contains(self.processes) { throw ValidationError("--processes must be in 1 … 64") }
        if let keepHistory {
            let content = (try? FileManager.default.contentsOfDirectory(atPath: keepHistory)) ?? []
            if !content.isEmpty { throw ValidationError("--keep-history: \(keepHistory) is not empty") }
        }
    }

    func run() throws {
        let run = ConsistencyRun(
            topology: self.topology,
            kind: self.server == .valkey ? .valkey : .redis,
            duration: .seconds(self.seconds),
            processes: self.processes,
            seed: self.seed ?? .random(in: 0...UInt64(UInt32.max)),
            recovers: !self.withoutBeat,
            kept: self.keepHistory.map { URL(filePath: $0) }
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        try report.verdict.checkValid()
        if self.withoutBeat, report.verdict.restores > 0, report.verdict.stale.isEmpty {
            throw BenchmarkError("not valid: no stale read without the beat: nothing would be seen")
        }
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

/// The command line of `oxbow-bench consistency check`.
struct ConsistencyCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench consistency check",
        abstract: "Judges a history that a run of oxbow-bench consistency has left.",
        discussion: "Prints the figures and the stale reads, each with the change that it missed."
    )

    @Argument(help: "The folder with the *.history files.")
    var folder: String

    func run() throws {
        let (verdict, plot) = try ConsistencyReport.judge(ConsistencyRun.files(in: URL(filePath: self.folder)))
        print("\(plot.text)\n\n\(ConsistencyReport.text(of: verdict))")
        try verdict.checkValid()
    }
}

/// What a worker process is started with.
struct ConsistencyWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "oxbow-bench consistency worker", shouldDisplay: false)

    @Argument var settings: String

    func run() throws {
        WorkerProcess.endWithParent()
        let data = try Data(contentsOf: URL(filePath: self.settings))
        let worker = try ConsistencyWorker(JSONDecoder().decode(ConsistencySettings.self, from: data))
        try waiting { try await worker.run() }
    }
}

extension HistoryVerdict {
    /// - Throws: ``BenchmarkError`` with all reasons why the run says nothing.
    fileprivate func checkValid() throws {
        if !self.objections.isEmpty { throw BenchmarkError("not valid: \(self.objections.joined(separator: "; "))") }
    }
}

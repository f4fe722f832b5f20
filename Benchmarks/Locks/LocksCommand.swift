import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench locks`.
struct LocksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench locks",
        abstract:
            "What a lock costs, how many tasks of many processes get along, and what a holder can do that stood still.",
        discussion: """
            Starts a private server and worker processes. One lock alone, beside a plain SET NX PX and DEL; all tasks for one \
            lock; hand-over from one process to the next; what waiters send; and holders that are stopped (SIGSTOP) past the \
            end of their leases while this process takes their locks. Takes about a minute. With --topology sentinel or \
            cluster something else: masters die while locks are held, how many are lost? Exit status 0 means that the run \
            was valid, not that a target was met.
            """
    )

    @Option(help: "How many processes.")
    var processes: Int = 4

    @Option(help: "How many tasks, over all processes.")
    var tasks: Int = 64

    @Option(
        help: ArgumentHelp(
            "How long tasks contend, and locks are handed over, or masters die; 10 and 60 by default.",
            valueName: "seconds"
        )
    )
    var seconds: Double?

    @Option(help: "How many holders stand still.")
    var pauses: Int = 1000

    @Option(help: "standalone, sentinel, cluster: with the latter two masters die while locks are held.")
    var topology: ConsistencyTopology = .standalone

    @Option(help: ArgumentHelp("For so long before its death a master's replicas hear nothing.", valueName: "ms"))
    var lagMillis: Int = 200

    @Option(help: ArgumentHelp("The server's program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(2...64).contains(self.processes) { throw ValidationError("--processes must be in 2 … 64") }
        if self.tasks < self.processes || self.tasks > 1000 * self.processes || self.tasks % self.processes != 0 {
            throw ValidationError("--tasks must be a multiple of --processes, and at most 1000 in each")
        }
        if let seconds, !((self.topology == .standalone ? 0.1 : 20)...600).contains(seconds) {
            throw ValidationError("--seconds must be in 0.1 … 600, and at least 20 where masters die")
        }
        if !(0...5000).contains(self.lagMillis) { throw ValidationError("--lag-millis must be in 0 … 5000") }
        if !(1...100_000).contains(self.pauses) { throw ValidationError("--pauses must be in 1 … 100000") }
    }

    func run() throws {
        let kind: ServerProcess.Kind = self.server == .valkey ? .valkey : .redis
        if self.topology == .standalone {
            let run = LocksRun(
                kind: kind,
                processes: self.processes,
                tasks: self.tasks,
                duration: .seconds(self.seconds ?? 10),
                pauses: self.pauses
            )
            let report = try waiting { try await run.run() }
            try self.show(report.text, report.resultFile)
        } else {
            let run = LockFailoverRun(
                topology: self.topology,
                kind: kind,
                processes: self.processes,
                tasks: self.tasks,
                duration: .seconds(self.seconds ?? 60),
                lag: .milliseconds(self.lagMillis)
            )
            let report = try waiting { try await run.run() }
            try self.show(report.text, report.resultFile)
        }
    }

    private func show(_ text: String, _ file: ResultFile<[String: Double]>) throws {
        print(text)
        if let json { try file.write(to: URL(filePath: json)) }
    }
}

/// What a worker process is started with.
struct LocksWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "oxbow-bench locks worker", shouldDisplay: false)

    @Argument var settings: String

    func run() throws {
        WorkerProcess.endWithParent()
        let settings = try JSONDecoder().decode(LocksSettings.self, from: Data(self.settings.utf8))
        try waiting { try await LocksWorker(settings: settings).run() }
    }
}

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
            end of their leases while this process takes their locks. Takes about 2 minutes. Exit status 0 means that the \
            run was valid, not that a target was met.
            """
    )

    @Option(help: "How many processes.")
    var processes: Int = 4

    @Option(help: "How many tasks, over all processes.")
    var tasks: Int = 64

    @Option(help: ArgumentHelp("How long tasks contend, and locks are handed over.", valueName: "seconds"))
    var seconds: Double = 10

    @Option(help: "How many holders stand still.")
    var pauses: Int = 1000

    @Option(help: ArgumentHelp("The server's program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(2...64).contains(self.processes) { throw ValidationError("--processes must be in 2 … 64") }
        if self.tasks < self.processes || self.tasks > 10_000 || self.tasks % self.processes != 0 {
            throw ValidationError("--tasks must be a multiple of --processes, and at most 10000")
        }
        if !(0.1...600).contains(self.seconds) { throw ValidationError("--seconds must be in 0.1 … 600") }
        if !(1...100_000).contains(self.pauses) { throw ValidationError("--pauses must be in 1 … 100000") }
    }

    func run() throws {
        let run = LocksRun(
            kind: self.server == .valkey ? .valkey : .redis,
            processes: self.processes,
            tasks: self.tasks,
            duration: .seconds(self.seconds),
            pauses: self.pauses
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
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

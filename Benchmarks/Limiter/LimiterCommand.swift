import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench limiter`.
struct LimiterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench limiter",
        abstract:
            "Has many processes ask for the permits of one key: are there ever too many, and what does a decision cost?",
        discussion: """
            Starts a private server and worker processes. Both algorithms of the rate limiter, and as the yardstick a counter \
            for each window. Takes about a minute. Exit status 0 means that the run was valid, not that a target was met.
            """
    )

    @Option(help: "How many processes.")
    var processes: Int = 4

    @Option(help: "How many tasks, over all processes.")
    var tasks: Int = 32

    @Option(help: "How many permits there are in a window.")
    var permits: Int = 100

    @Option(help: ArgumentHelp("How long a window is.", valueName: "ms"))
    var windowMillis: Int = 250

    @Option(
        help: ArgumentHelp(
            "How long each algorithm is asked without a pause, and again in bursts.",
            valueName: "seconds"
        )
    )
    var seconds: Double = 10

    @Option(help: ArgumentHelp("The server's program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(1...64).contains(self.processes) { throw ValidationError("--processes must be in 1 … 64") }
        if self.tasks < self.processes || self.tasks > 10_000 || self.tasks % self.processes != 0 {
            throw ValidationError("--tasks must be a multiple of --processes, and at most 10000")
        }
        if !(1...10_000).contains(self.permits) { throw ValidationError("--permits must be in 1 … 10000") }
        if !(10...60_000).contains(self.windowMillis) { throw ValidationError("--window-millis must be in 10 … 60000") }
        // GCRA has no more than one permit each µs.
        if self.permits > self.windowMillis * 1000 { throw ValidationError("at most one permit for each microsecond") }
        if !(0.1...600).contains(self.seconds) { throw ValidationError("--seconds must be in 0.1 … 600") }
        if Double(self.windowMillis) * 4 > self.seconds * 1000 {
            throw ValidationError("--seconds must be four windows at least, or no burst meets the end of one")
        }
    }

    func run() throws {
        let run = LimiterRun(
            kind: self.server == .valkey ? .valkey : .redis,
            processes: self.processes,
            tasks: self.tasks,
            permits: self.permits,
            window: .milliseconds(self.windowMillis),
            duration: .seconds(self.seconds)
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

/// What a worker process is started with.
struct LimiterWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "oxbow-bench limiter worker", shouldDisplay: false)

    @Argument var servers: String

    func run() throws {
        WorkerProcess.endWithParent()
        let servers = try JSONDecoder().decode(WorkerServers.self, from: Data(self.servers.utf8))
        try waiting { try await LimiterWorker(servers: servers).run() }
    }
}

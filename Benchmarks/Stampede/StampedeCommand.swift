import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench stampede`.
struct StampedeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench stampede",
        abstract: "Has many processes ask for one cold key at once: how many loads, and how long do callers wait?",
        discussion: """
            Starts a private server and worker processes with many callers each, who all ask for the same cold key at one \
            moment, for some rounds; then some rounds in which the process that loads is killed (SIGKILL) in the middle. \
            The yardstick, after each round: as many tasks in as many processes wait for nothing but a line through a \
            pipe. Takes about 40 s.

            --failing adds a row failing-load: \(StampedeFailing.processes) processes call one cold key at once, and \
            each \
            load fails after 200 ms. lastCallerSeconds, from the first call until the last caller has its error, is \
            to be 0.5 at \
            most.

            Exit status 0 means that the run was valid, not that a target was met.
            """
    )

    @Option(help: "How many processes.")
    var processes: Int = 16

    @Option(help: "How many callers in each process.")
    var callers: Int = 1000

    @Option(help: "How many keys.")
    var rounds: Int = 10

    @Option(help: "How many further keys whose loader is killed; such a load takes 1 s at least.")
    var kills: Int = 3

    @Flag(help: "Measure loads that fail too, as one more row (10 s).")
    var failing = false

    @Option(help: ArgumentHelp("How long a load takes.", valueName: "ms"))
    var loadMillis: Int = 100

    @Option(help: ArgumentHelp("The server's program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        for (name, value, range) in [
            ("processes", self.processes, 1...128), ("callers", self.callers, 1...10_000),
            ("rounds", self.rounds, 1...1000), ("kills", self.kills, 0...100),
            ("load-millis", self.loadMillis, 1...60_000),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) must be in \(range.lowerBound) … \(range.upperBound)")
        }
        if self.processes == 1, self.kills > 0 {
            throw ValidationError("--kills needs 2 processes at least; use --kills 0")
        }
    }

    func run() throws {
        let run = StampedeRun(
            kind: self.server == .valkey ? .valkey : .redis,
            processes: self.processes,
            callers: self.callers,
            rounds: self.rounds,
            kills: self.kills,
            load: .milliseconds(self.loadMillis),
            failing: self.failing
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

/// What a worker process is started with.
struct StampedeWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "oxbow-bench stampede worker", shouldDisplay: false)

    @Argument var settings: String

    func run() throws {
        WorkerProcess.endWithParent()
        let settings = try JSONDecoder().decode(StampedeSettings.self, from: Data(self.settings.utf8))
        try waiting { try await StampedeWorker(settings: settings).run() }
    }
}

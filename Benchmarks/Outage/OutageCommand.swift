import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench outage`.
struct OutageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench outage",
        abstract: "Takes the server away from a cache under load: what callers and the database notice.",
        discussion: """
            Starts a private server, has one process ask for cached values at a steady rate, and stops the server \
            (SIGSTOP), lets it go on, kills it, starts it again, fills it up (OOM) and empties it, one after another. The \
            yardstick is the phase before, in which all is well. All time-outs are as by default.

              p99AddedSeconds                   what the cache adds to a read's load; to reach: 0.5 s (softTimeout)
              firstSecondUpdateP99AddedSeconds  what update adds to the write itself, in the first second of the phase
              updateP99AddedSeconds             the same in the rest of the phase

            The figures of all phases have the same names, also in the JSON. Takes about 40 s. Exit status 0 means \
            that the run was \
            valid, not that a target was met.
            """
    )

    @Option(help: ArgumentHelp("How many values are asked for in a second.", valueName: "rate"))
    var requestsPerSecond = 2000

    @Option(help: ArgumentHelp("How many different ones there are.", valueName: "count"))
    var keys = 1000

    @Option(help: ArgumentHelp("How long a load from the database takes.", valueName: "ms"))
    var loadMillis = 10

    @Option(help: ArgumentHelp("How long each phase takes.", valueName: "seconds"))
    var phaseSeconds = 5.0

    @Option(
        help: ArgumentHelp("Have a circuit breaker, open for so long; none by default.", valueName: "seconds")
    )
    var breaker: Double?

    @Option(help: ArgumentHelp("The server's program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(1...20_000).contains(self.requestsPerSecond) {
            throw ValidationError("--requests-per-second must be in 1 … 20000")
        }
        if !(1...100_000).contains(self.keys) { throw ValidationError("--keys must be in 1 … 100000") }
        if !(0...1000).contains(self.loadMillis) { throw ValidationError("--load-millis must be in 0 … 1000") }
        if !(1...600).contains(self.phaseSeconds) { throw ValidationError("--phase-seconds must be in 1 … 600") }
        if let breaker, !(0...600).contains(breaker) { throw ValidationError("--breaker must be in 0 … 600 seconds") }
    }

    func run() throws {
        let run = OutageRun(
            kind: self.server == .valkey ? .valkey : .redis,
            rate: self.requestsPerSecond,
            keys: self.keys,
            load: .milliseconds(self.loadMillis),
            phase: .seconds(self.phaseSeconds),
            breaker: self.breaker.map { .seconds($0) }
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench soak`.
struct SoakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench soak",
        abstract: "Has one process use caches for long, while things break: does it fail, lie, or grow?",
        discussion: """
            Starts private servers, and reads, changes and invalidates entries of caches at a steady rate. With --faults \
            something breaks every few seconds: standalone: the network, the server (SIGSTOP, FLUSHALL), connections; \
            sentinel and cluster: masters (SIGKILL, SIGSTOP, and their return), connections.

              failures                   calls that threw; to reach: 0
              staleReads                 reads that began after an invalidation or update had returned, and gave an older \
            version; to reach: 0
              staleReadsReplicationLoss  such reads from a master's end until 5 s after another one takes writes
              secondsExcused             how long that was
              onTheirWayAtEnd            calls that had not ended
              residentMegabytes…         memory of the process, at the start (after 10 s), in the last 10 s, and the most
              stallSeconds               with --stall-seconds: how long the server stood still
              secondsToFirstHit          with --stall-seconds: from its going on to the first value found in the cache

            Exit status 0 means that the run was valid, not that a target was met.
            """
    )

    @Option(
        help: "How the servers are arranged: \(ConsistencyTopology.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var topology: ConsistencyTopology = .standalone

    @Option(help: "How long.")
    var minutes: Double = 1

    @Flag(help: "Break something every few seconds.")
    var faults = false

    @Option(
        help: ArgumentHelp(
            "Stop a server (SIGSTOP) for so long, 15 s behind the start; without --faults.",
            valueName: "seconds"
        )
    )
    var stallSeconds: Double?

    @Option(help: ArgumentHelp("How many calls a second.", valueName: "rate"))
    var requestsPerSecond = 1000

    @Option(help: ArgumentHelp("The servers' program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(help: "Decides about all random choices; the scheduler does the rest. Drawn anew by default.")
    var seed: UInt64?

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        if !(0.5...10_000).contains(self.minutes) { throw ValidationError("--minutes must be in 0.5 … 10000") }
        if let stallSeconds {
            if self.faults { throw ValidationError("--stall-seconds and --faults exclude each other") }
            let longest = self.minutes * 60 - SoakRun.beforeStall / .seconds(1) - 10
            if !(1...max(1, longest)).contains(stallSeconds) {
                throw ValidationError(
                    "--stall-seconds must be in 1 … \(longest): 15 s before and 10 s behind it are left"
                )
            }
        }
        if !(1...20_000).contains(self.requestsPerSecond) {
            throw ValidationError("--requests-per-second must be in 1 … 20000")
        }
    }

    func run() throws {
        let run = SoakRun(
            topology: self.topology,
            kind: self.server == .valkey ? .valkey : .redis,
            duration: .seconds(self.minutes * 60),
            breaks: self.faults,
            stall: self.stallSeconds.map { .seconds($0) },
            rate: self.requestsPerSecond,
            seed: self.seed ?? .random(in: 0...UInt64(UInt32.max))
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

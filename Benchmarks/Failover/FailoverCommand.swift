import ArgumentParser
import Foundation
import TestServers

/// The command line of `oxbow-bench failover`.
struct FailoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench failover",
        abstract: "Breaks a master under load, and measures when RedisClient writes again and what got lost.",
        discussion: """
            Starts a private topology, has 20 tasks write and 4 tasks read through one RedisClient, breaks the master \
            of their keys after 2 s, brings it back when writes are steady again, and reads everything back at the \
            end. Beside it a bare connection to each other server tries the same: the yardstick is when any server \
            first takes a write. Takes 20 to 60 s. Exit status 0 means that the run was valid, not that a target was \
            met.
            """
    )

    @Option(help: "How the servers are arranged: \(FailoverTopology.allCases.map(\.rawValue).joined(separator: ", ")).")
    var topology: FailoverTopology

    @Option(help: "KILL: the master is gone; STOP: it hangs, and the kernel goes on accepting connections for it.")
    var signal: BreakingSignal = .kill

    @Option(help: ArgumentHelp("The servers' program: redis, valkey.", valueName: "program"))
    var server: ServerProgram = .redis

    @Option(help: ArgumentHelp("The client's time-out for a command; all else is as by default.", valueName: "seconds"))
    var commandTimeout: Double = 1

    @Option(help: ArgumentHelp("cluster: how long a node is silent before it is held for dead.", valueName: "ms"))
    var nodeTimeout: Int = 1000

    @Option(help: "haproxy: how it looks at the servers; usual: every 3 s, fast: every 200 ms.")
    var checks: FrontChecks = .usual

    @Flag(help: "sentinel: Sentinels look around several times a second, so that an old master is demoted sooner.")
    var fastTimers = false

    @Option(
        help: ArgumentHelp(
            "How long the load goes on after the old master is back; until it has surely been demoted by default.",
            valueName: "seconds"
        )
    )
    var afterReturn: Double?

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    func validate() throws {
        for (name, seconds) in [("command-timeout", self.commandTimeout), ("after-return", self.afterReturn ?? 1)]
        where !(seconds > 0 && seconds <= 600) {
            throw ValidationError("--\(name) must be in 0 … 600 seconds")
        }
        if !(100...60_000).contains(self.nodeTimeout) {
            throw ValidationError("--node-timeout must be in 100 … 60000 ms")
        }
    }

    func run() throws {
        let run = FailoverRun(
            topology: self.topology,
            timers: FailoverTimers(
                nodeTimeout: self.nodeTimeout,
                checks: self.checks == .fast ? .fast : .usual,
                fastTimers: self.fastTimers
            ),
            kind: self.server == .valkey ? .valkey : .redis,
            signal: self.signal,
            commandTimeout: .seconds(self.commandTimeout),
            afterReturn: self.afterReturn.map { .seconds($0) }
        )
        let report = try waiting { try await run.run() }
        print(report.text)
        if let json { try report.resultFile.write(to: URL(filePath: json)) }
    }
}

/// What happens to the master.
enum BreakingSignal: String, CaseIterable, Sendable, ExpressibleByArgument {
    case kill = "KILL"
    case stop = "STOP"

    var number: Int32 { self == .kill ? SIGKILL : SIGSTOP }
}

/// The servers' program.
enum ServerProgram: String, CaseIterable, Sendable, ExpressibleByArgument { case redis, valkey }

/// How HAProxy looks at the servers.
enum FrontChecks: String, CaseIterable, Sendable, ExpressibleByArgument { case usual, fast }

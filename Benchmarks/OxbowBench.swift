import ArgumentParser
import Dispatch
import Foundation
import Synchronization

/// The command line: which workloads, how long, where, and what to do with the figures.
@main
struct OxbowBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oxbow-bench",
        abstract: "Measures Oxbow against a Redis server, beside a yardstick in the same run.",
        discussion: """
            Without arguments: starts a private Redis on a free loopback port, runs every workload of every family, \
            alternating with its yardstick, and prints one table. The server is stopped at the end in every case. \
            Exit status 0 means that the run was valid, not that a target was met.

            Apart from these families, each with a --help of its own: oxbow-bench failover --topology … breaks a master \
            under load; oxbow-bench consistency --topology … looks for stale reads while things break; oxbow-bench \
            stampede has many processes ask for one cold key at once; oxbow-bench outage takes the server away from a \
            cache under load; oxbow-bench soak has one process use caches for long; oxbow-bench locks has many processes \
            want the same locks; oxbow-bench limiter the permits of one key.
            """
    )

    /// Some have a command line of their own: nothing of the families' fits them.
    ///
    /// Not subcommands for the parser: it would take the word for a family's name first.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let commands: [(words: [String], command: any ParsableCommand.Type)] = [
            (["failover"], FailoverCommand.self),
            (["consistency", "check"], ConsistencyCheckCommand.self),
            (["consistency", "worker"], ConsistencyWorkerCommand.self),
            (["consistency"], ConsistencyCommand.self),
            (["stampede", "worker"], StampedeWorkerCommand.self),
            (["stampede"], StampedeCommand.self), (["outage"], OutageCommand.self),
            (["soak"], SoakCommand.self), (["locks", "worker"], LocksWorkerCommand.self),
            (["locks"], LocksCommand.self), (["limiter", "worker"], LimiterWorkerCommand.self),
            (["limiter"], LimiterCommand.self),
        ]
        if let (words, command) = commands.first(where: { arguments.starts(with: $0.words) }) {
            command.main(Array(arguments.dropFirst(words.count)))
        } else {
            Self.main(nil)
        }
    }

    @Argument(help: "Families to run: \(Family.names). All by default.")
    var families: [Family] = []

    @Option(name: .long, help: ArgumentHelp("Run only this workload; may be repeated.", valueName: "name"))
    var workload: [String] = []

    @Option(name: .long, help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Use the existing Redis of the property files in this folder.", valueName: "dir"))
    var properties: String?

    @Option(help: "free: the scheduler decides; one-core: client, server and yardstick share one core.")
    var placement: Placement = .free

    @Option(help: "How often each workload and its yardstick are measured; medians are shown.")
    var repeats: Int?

    @Option(help: "How long each measurement takes.")
    var seconds: Double?

    @Flag(help: "Every workload once and briefly: shows that all works, the figures mean little.")
    var smoke = false

    @Flag(help: "Count allocations per operation too, after the measurements of each workload.")
    var allocations = false

    @Option(
        help: ArgumentHelp(
            "No measurement: run each workload for so many operations, for tools that watch the process.",
            valueName: "count"
        )
    )
    var operations: Int?

    @Flag(help: "Print the workloads and leave.")
    var list = false

    func validate() throws {
        if let repeats, repeats < 1 { throw ValidationError("--repeats must be at least 1") }
        if let seconds, !(seconds > 0 && seconds <= 3600) { throw ValidationError("--seconds must be in 0 … 3600") }
        if let operations, operations < 1 { throw ValidationError("--operations must be at least 1") }
        if self.allocations, !Allocations.canBeCounted {
            throw ValidationError("--allocations needs glibc, and a build without sanitizer")
        }
        let known = Set(Family.allCases.flatMap(\.workloads).map(\.name))
        let unknown = self.workload.filter { !known.contains($0) }
        if !unknown.isEmpty {
            throw ValidationError("unknown workload: \(unknown.joined(separator: ", ")); --list names them")
        }
        if self.selected.isEmpty { throw ValidationError("none of these families has such a workload; see --list") }
    }

    /// The workloads asked for, in the order of the list.
    var selected: [(family: Family, workload: any Workload)] {
        let families = self.families.isEmpty ? Family.allCases : self.families
        let all = Family.allCases.filter(families.contains).flatMap { family in family.workloads.map { (family, $0) } }
        return all.filter { self.workload.isEmpty || self.workload.contains($0.1.name) }
    }

    var effort: Effort {
        Effort(
            repeats: self.repeats ?? (self.smoke ? 1 : 3),
            duration: .seconds(self.seconds ?? (self.smoke ? 0.05 : 2)),
            warmUp: .seconds(self.smoke ? 0.01 : 0.3),
            countsAllocations: self.allocations
        )
    }

    /// Synchronous, and so is `main`: callgrind cannot follow an asynchronous one.
    func run() throws {
        if self.list { return print(WorkloadList(self.selected).text) }
        try self.placement.apply()
        let session = Session(
            selected: self.selected,
            effort: self.effort,
            placement: self.placement,
            properties: self.properties.map { URL(filePath: $0) }
        )
        if let operations {
            for (workload, done) in try waiting({ try await session.run(operations: operations) }) {
                print(workload, done)
            }
            return
        }
        let report = try waiting { try await session.run() }
        print(report.table)
        if let json { try ResultFile(machine: report.machine, rows: report.rows).write(to: URL(filePath: json)) }
    }
}

/// Blocks the calling thread until `body`, which runs on the global pool, has ended.
func waiting<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let outcome = Mutex<Swift.Result<Result, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
    // Unstructured, but waited for in the next line: nothing else runs in this process until it ends.
    Task {
        do {
            let result = try await body()
            outcome.withLock { $0 = .success(result) }
        } catch {
            outcome.withLock { $0 = .failure(error) }
        }
        done.signal()
    }
    done.wait()
    guard let result = outcome.withLock({ $0 }) else { throw BenchmarkError("the run ended without a result") }
    return try result.get()
}

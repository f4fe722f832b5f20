import Foundation
import Logging
import Oxbow
import RedisClient

/// One run of the program: a server, a cache and its client on it, all workloads, one report.
struct Session: Sendable {
    let selected: [(family: Family, workload: any Workload)]
    let effort: Effort
    let placement: Placement
    /// The folder of property files that name an existing server.
    let properties: URL?

    func run() async throws -> Report {
        let progress = Progress(steps: self.selected.count)
        progress.show("starting")
        let harnessMicros = try await self.harnessMicros()
        return try await self.withBench { try await self.measure($0, harnessMicros, progress) }
    }

    /// Starts or finds the server, runs a cache and its client on it, and ends them.
    private func withBench<Result: Sendable>(_ body: sending (Bench) async throws -> Result) async throws -> Result {
        let server = try await BenchServer.make(properties: self.properties)
        defer { server.stop() }
        var configuration = server.configuration
        // A workload enters one where it wants one, whatever the files say.
        configuration.cache.usesRequestScope = true
        let oxbow = try Oxbow(
            configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        guard let client = oxbow.client else { throw BenchmarkError("there is no server to measure against") }
        let bench = Bench(
            oxbow: oxbow,
            client: client,
            server: server,
            timeToLive: .seconds(600) + self.effort.duration * (2 * self.effort.repeats + 1)
        )
        return try await oxbow.withRunning { try await body(bench) }
    }

    /// Runs each workload for a number of operations and nothing else.
    ///
    /// - Returns: the workloads and how many operations each has done.
    func run(operations: Int) async throws -> [(workload: String, operations: Int)] {
        try await self.withBench { bench in
            var done: [(workload: String, operations: Int)] = []
            for (family, workload) in self.selected {
                let measurement = Measurement(family: family, workload: workload, bench: bench, effort: self.effort)
                done.append((workload.name, try await measurement.run(operations: operations)))
            }
            return done
        }
    }

    private func measure(_ bench: Bench, _ harnessMicros: Double, _ progress: Progress) async throws -> Report {
        _ = try await bench.client.execute(RawCommand<String>("PING"))
        var rows: [Row] = []
        var remarks = bench.server.remarks
        for (index, (family, workload)) in self.selected.enumerated() {
            let measurement = Measurement(family: family, workload: workload, bench: bench, effort: self.effort)
            let (row, found) = try await measurement.run { progress.show("\(workload.name): \($0)", step: index) }
            rows.append(row)
            remarks += found
        }
        progress.finish()
        return Report(
            machine: Machine(server: bench.client.server),
            placement: self.placement,
            rows: rows,
            remarks: remarks,
            harnessMicros: harnessMicros,
            effort: self.effort
        )
    }

    /// What the loop costs by itself: an asynchronous call that does nothing in the place of the client's.
    private func harnessMicros() async throws -> Double {
        let load = Load { _, _ in }
        let before = ProcessorTime.ofThisProcess()
        let outcome = try await load.run(for: min(self.effort.duration, .milliseconds(200)))
        return (ProcessorTime.ofThisProcess() - before) / Double(outcome.operations)
    }
}

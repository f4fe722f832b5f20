import Foundation
import Logging
import RedisClient
import TestServers

/// One run: a topology, load on it, a broken master, its return, and what is left in the end.
struct FailoverRun: Sendable {
    let topology: FailoverTopology
    let timers: FailoverTimers
    let kind: ServerProcess.Kind
    let signal: BreakingSignal
    let commandTimeout: Duration
    let afterReturn: Duration?

    /// How long writes are watched before the signal, and how long they must be steady after it.
    private static let calm = Duration.seconds(2)
    private static let limit = Duration.seconds(30)

    /// - Throws: ``BenchmarkError`` when the run says nothing: no writes before the signal, or no server ever took one
    ///   after it.
    func run() async throws -> FailoverReport {
        let progress = Progress(steps: 5)
        defer { progress.finish() }
        progress.show("starting")
        let setting = try await FailoverSetting.start(self.topology, self.timers, self.kind)
        var configuration = setting.configuration
        configuration.commandTimeout = self.commandTimeout
        let client = RedisClient(
            configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        // Calls wait for the connection from here on, whenever the task begins.
        try client.prepareToRun()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.runPrepared() }
            defer { group.cancelAll() }
            return try await self.measure(setting, client, progress)
        }
    }

    private func measure(
        _ setting: FailoverSetting,
        _ client: RedisClient,
        _ progress: Progress
    ) async throws -> FailoverReport {
        let recorder = CallRecorder()
        let load = FailoverLoad(client, recorder, setting)
        async let writers = load.run()

        progress.show("load", step: 1)
        try await Task.sleep(for: Self.calm)
        let usual = recorder.all.count(where: \.isWriteOfBroken)
        guard recorder.ended(since: recorder.now - .seconds(1)).contains(where: \.isWriteOfBroken) else {
            let kinds = Set(recorder.all.compactMap(\.failure)).sorted().map(\.name)
            throw BenchmarkError("no write before the signal; errors: \(kinds.joined(separator: ", "))")
        }
        let server = client.server

        progress.show("SIG\(self.signal.rawValue), until writes are steady", step: 2)
        let signaled = recorder.now
        setting.broken.signal(self.signal.number)
        try await Self.awaitStandstill(of: setting.broken.pid)
        let broken = recorder.now
        async let yardstick = setting.probe.firstWrite(within: Self.limit)
        let isSteady = try await self.awaitSteady(recorder, usual, since: broken)
        guard let firstTaken = try await yardstick else {
            throw BenchmarkError("no server took a write within \(Self.limit) after the signal")
        }

        progress.show("the old master is back", step: 3)
        let returned = recorder.now
        switch self.signal {
        case .kill: try await setting.broken.restart()
        case .stop: setting.broken.resume()
        }
        try await Task.sleep(for: self.afterReturn ?? setting.afterReturn)
        load.stop()
        let written = await writers
        let ended = recorder.now

        progress.show("reading back", step: 4)
        let verification = try FailoverVerification(written, on: try await setting.settle())
        let moments = FailoverMoments(
            signaled: signaled,
            broken: broken,
            yardstick: recorder.time(of: firstTaken),
            returned: returned,
            ended: ended
        )
        return FailoverReport(
            run: self,
            setting: setting,
            machine: Machine(server: server),
            records: recorder.all,
            moments: moments,
            verification: verification,
            isSteady: isSteady
        )
    }

    /// Waits until writes have gone on without an error, at nearly their usual pace, for as long as before the signal.
    ///
    /// - Returns: `false` when they did not within the limit.
    private func awaitSteady(_ recorder: CallRecorder, _ usual: Int, since broken: Duration) async throws -> Bool {
        while recorder.now < broken + Self.limit {
            try await Task.sleep(for: .milliseconds(100))
            let from = recorder.now - Self.calm
            let recent = recorder.ended(since: from)
            let hasFailures = recent.contains { $0.isOfBroken && !$0.isDone }
            if from > broken, !hasFailures, recent.count(where: \.isWriteOfBroken) * 5 >= usual * 4 { return true }
        }
        return false
    }

    /// Waits until a process that got a signal is gone or stopped: no write that begins then is answered by it.
    private static func awaitStandstill(of pid: Int32) async throws {
        for _ in 0..<1000 {
            // The state is the first word behind the name, which is in parentheses and may hold anything.
            let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            guard let state = text?.split(separator: ")").last?.first(where: { $0 != " " }) else { return }
            if "TZX".contains(state) { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw BenchmarkError("the signal had no effect on the master")
    }
}

extension CallRecord {
    /// Whether it is a successful write of a key of the broken master.
    var isWriteOfBroken: Bool { self.isWrite && self.isOfBroken && self.isDone }
}

/// When things happened, since the start of the record.
struct FailoverMoments: Sendable {
    /// Just before the signal.
    var signaled: Duration
    /// The master was gone, or stood still.
    var broken: Duration
    /// A server took a bare write.
    var yardstick: Duration
    /// The old master was let run again.
    var returned: Duration
    /// The load ended.
    var ended: Duration
}

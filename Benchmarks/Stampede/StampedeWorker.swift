import Foundation
import Logging
import Oxbow

/// What a worker process of a stampede is told.
struct StampedeSettings: Codable, Sendable {
    var servers: WorkerServers
    var callers: Int
}

/// What is stored: when its load had ended.
struct StampedeValue: Codable, Sendable {
    var loaded: UInt64
}

/// The database's error.
private struct FailingLoad: Error {}

/// A worker process: many callers who ask for the same key at the same moment.
struct StampedeWorker: Sendable {
    let settings: StampedeSettings

    /// Follows orders until the last one.
    func run() async throws {
        let oxbow = try Oxbow(
            self.settings.servers.configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let cache = try oxbow.cache("stampede", of: StampedeValue.self)
        let gate = StampedeGate()
        let (orders, arrival) = AsyncStream.makeStream(of: StampedeMessage.self)
        Thread.detachNewThread {
            while let line = readLine(), let order = StampedeMessage(line: line) {
                // Here and not in the loop below: the tasks go on the moment that the line has come.
                if case .wake(let moment) = order { gate.open(at: moment) } else { arrival.yield(order) }
            }
            arrival.finish()
        }
        try await oxbow.withRunning {
            // Connected, and all code has run once.
            _ = try await cache.value(for: "warm-up") { StampedeValue(loaded: 0) }
            WorkerProcess.report(StampedeMessage.ready.line)
            for await order in orders {
                switch order {
                case .ask(let key, let moment, let loadMillis, let fails):
                    let before = cache.statistics.storeFailures
                    let waits = try await self.ask(cache, key, at: moment, .milliseconds(loadMillis), fails: fails)
                    let unanswered = Int(clamping: cache.statistics.storeFailures - before)
                    WorkerProcess.report(StampedeMessage.done(waits, unanswered: unanswered).line)
                case .park:
                    let waits = await self.park(at: gate)
                    WorkerProcess.report(StampedeMessage.done(waits, unanswered: 0).line)
                case .end: return
                default: break
                }
            }
        }
    }

    private func ask(
        _ cache: Cache<StampedeValue>,
        _ key: String,
        at moment: UInt64,
        _ duration: Duration,
        fails: Bool
    ) async throws -> [StampedeMessage.Wait] {
        let gate = StampedeGate()
        return try await withThrowingTaskGroup(of: StampedeMessage.Wait.self) { group in
            for _ in 0..<self.settings.callers {
                group.addTask {
                    _ = await gate.wait()
                    let began = SharedClock.now
                    let load = { @Sendable () async throws -> StampedeValue in
                        WorkerProcess.report(StampedeMessage.loads(key: key).line)
                        try await Task.sleep(for: duration)
                        if fails { throw FailingLoad() }
                        return StampedeValue(loaded: SharedClock.now)
                    }
                    if fails {
                        do { _ = try await cache.value(for: key, orLoad: load) } catch is FailingLoad {}
                        return StampedeMessage.Wait(from: began, to: SharedClock.now)
                    }
                    let value = try await cache.value(for: key, orLoad: load)
                    // Who asked when the load was over has waited since then only.
                    return StampedeMessage.Wait(from: max(value.loaded, began), to: SharedClock.now)
                }
            }
            await SharedClock.sleep(until: moment)
            gate.open(at: moment)
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// The yardstick: as many tasks wait for nothing but to be woken.
    private func park(at gate: StampedeGate) async -> [StampedeMessage.Wait] {
        await withTaskGroup(of: StampedeMessage.Wait.self) { group in
            for _ in 0..<self.settings.callers {
                group.addTask {
                    let moment = await gate.wait()
                    return StampedeMessage.Wait(from: moment, to: SharedClock.now)
                }
            }
            await gate.awaitWaiters(self.settings.callers)
            WorkerProcess.report(StampedeMessage.ready.line)
            defer { gate.close() }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

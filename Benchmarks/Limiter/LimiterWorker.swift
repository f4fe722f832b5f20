import Foundation
import Logging
import Oxbow

/// A process that wants permits.
struct LimiterWorker: Sendable {
    let servers: WorkerServers

    /// Follows orders until the last one.
    func run() async throws {
        let oxbow = try Oxbow(
            self.servers.configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        try await oxbow.withRunning {
            // Connected, and all code has run once.
            _ = try await oxbow.rateLimiter("warm-up", permits: 1, per: .seconds(1)).acquire("x")
            WorkerProcess.report(LimiterMessage.ready.line)
            for await order in WorkerProcess.orders(of: LimiterMessage.self) {
                switch order {
                case .ask(let load): try await self.ask(load, oxbow)
                case .end: return
                default: break
                }
            }
        }
    }

    private func ask(_ load: LimiterLoad, _ oxbow: Oxbow) async throws {
        let acquire = try load.limiter.acquirer(on: oxbow)
        let (decisions, permits) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for task in 0..<load.tasks {
                group.addTask {
                    var permits: [Permit] = []
                    var (decisions, given, last) = (0, 0, UInt64(0))
                    while true {
                        if let end = load.rest(of: task, at: SharedClock.now, last: last) {
                            await SharedClock.sleep(until: end)
                        }
                        let asked = SharedClock.now
                        if asked >= load.until { break }
                        last = asked
                        if try await acquire(load.key) {
                            permits.append(Permit(asked: asked, given: SharedClock.now))
                            given += 1
                        }
                        decisions += 1
                        if permits.count == 500 { Self.report(&permits) }
                    }
                    Self.report(&permits)
                    return (decisions, given)
                }
            }
            return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
        WorkerProcess.report(LimiterMessage.done(decisions: decisions, permits: permits).line)
    }

    private static func report(_ permits: inout [Permit]) {
        WorkerProcess.report(LimiterMessage.permits(permits).line)
        permits = []
    }
}

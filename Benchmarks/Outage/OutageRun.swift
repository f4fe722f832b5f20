import Foundation
import Logging
import Oxbow
import RedisClient
import TestServers

/// What happens to the server, in this order.
enum OutagePhase: String, CaseIterable, Sendable {
    case healthy, stopped, resumed, killed, restarted, full, emptied

    /// Whether the server is back.
    var isReturn: Bool { [.resumed, .restarted, .emptied].contains(self) }

    /// Makes it happen; when this returns it has.
    func begin(_ server: ServerProcess) async throws {
        switch self {
        case .healthy: break
        case .stopped: server.pause()
        case .resumed: server.resume()
        case .killed: try await server.kill()
        case .restarted: try await server.restart()
        case .full:
            // What is there can be read also from a full server.
            try server.cli("flushall")
            try server.cli("config", "set", "maxmemory", "1")
        case .emptied: try server.cli("config", "set", "maxmemory", "0")
        }
    }
}

/// One run: a steady load, and the phases beside it.
struct OutageRun: Sendable {
    let kind: ServerProcess.Kind
    let rate: Int
    let keys: Int
    let load: Duration
    let phase: Duration
    let breaker: Duration?

    func run() async throws -> OutageReport {
        let phases = OutagePhase.allCases
        let progress = Progress(steps: phases.count + 1)
        defer { progress.finish() }
        progress.show("starting")
        let server = try await ServerProcess.start(self.kind)
        defer { server.stop() }
        let machine = Machine(server: server)
        let oxbow = try Oxbow(
            self.configuration(server),
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let load = try OutageLoad(oxbow.cache("outage", of: Int.self), self)
        return try await oxbow.withRunning {
            try await load.prepare()
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run() }
                // Ends the load.
                defer { group.cancelAll() }
                var starts: [OutagePhase: Duration] = [:]
                for (index, phase) in phases.enumerated() {
                    progress.show(phase.rawValue, step: index + 1)
                    try await phase.begin(server)
                    starts[phase] = load.elapsed
                    try await Task.sleep(for: self.phase)
                }
                let end = load.elapsed
                return OutageReport(run: self, machine: machine, records: load.records, starts: starts, end: end)
            }
        }
    }

    private func configuration(_ server: ServerProcess) -> OxbowConfiguration {
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        if let breaker {
            configuration.redis.breaker = CircuitBreakerConfiguration()
            configuration.redis.breaker?.delay = breaker
        }
        return configuration
    }
}

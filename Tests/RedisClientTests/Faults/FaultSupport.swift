import OxbowTesting
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

extension ScriptedServer {
    /// The settings of a client for this server.
    var configuration: RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.address = .host(self.host, port: self.port)
        return configuration
    }
}

extension FaultProxy {
    /// The settings of a client for the server behind this proxy.
    var configuration: RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.address = .host(self.host, port: self.port)
        return configuration
    }
}

extension ServerProcess {
    /// The server as a proxy's upstream.
    var upstream: FaultProxy.Upstream { .host("127.0.0.1", port: self.port) }
}

/// A proxy in front of one of the shared servers.
func withProxy<Result>(_ body: (FaultProxy) async throws -> Result) async throws -> Result {
    let server = try await SharedServers.shared.server(.redis)
    return try await FaultProxy.withProxy(to: server.upstream, body)
}

/// How long the machine kept a task waiting that wanted to run: what no deadline can be held more exactly than.
final class Stalls: Sendable {
    private let worst = Mutex(Duration.zero)

    /// The longest delay so far.
    var longest: Duration { self.worst.withLock { $0 } }

    /// Runs `body` while measuring.
    static func measured<Result>(_ body: (Stalls) async throws -> Result) async throws -> Result {
        let stalls = Stalls()
        let watch = Task {
            while !Task.isCancelled {
                let due = ContinuousClock.now + .milliseconds(5)
                try? await Task.sleep(until: due)
                let late = due.duration(to: .now)
                stalls.worst.withLock { $0 = max($0, late) }
            }
        }
        defer { watch.cancel() }
        return try await body(stalls)
    }
}

/// How one call ended, and after how long.
struct Ending<Value: Sendable>: Sendable {
    var result: Result<Value, any Error>
    var duration: Duration

    init(of call: () async throws -> Value) async {
        let start = ContinuousClock.now
        do { self.result = .success(try await call()) } catch { self.result = .failure(error) }
        self.duration = start.duration(to: .now)
    }

    var value: Value? { try? self.result.get() }
    var error: RedisError? {
        guard case .failure(let error) = self.result else { return nil }
        return error as? RedisError
    }
}

/// Expects that a call ended at its deadline: 50 ms and one tick of the deadline timer (20 ms) exactly, and as much
/// later as the machine kept others waiting.
func checkEndedAt(
    _ deadline: Duration,
    _ duration: Duration,
    _ stalls: Stalls,
    _ location: SourceLocation = #_sourceLocation
) {
    let earliest = deadline - .milliseconds(50)
    let latest = deadline + .milliseconds(70) + stalls.longest * 2
    #expect(duration >= earliest && duration <= latest, "stalls: \(stalls.longest)", sourceLocation: location)
}

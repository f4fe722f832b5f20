import Logging
import NIOCore
import Resilience
import ServiceLifecycle
import Synchronization

/// Keeps one multiplexer connected: connect, wait for the end, pause, connect again.
struct ConnectionKeeper: Sendable {
    let configuration: RedisClientConfiguration
    let multiplexer: Multiplexer
    let greeter: ConnectionGreeter?
    let onTrouble: @Sendable (RedisAddress) -> Void
    let logger: Logger

    /// After how long a second attempt to connect is made beside one that hangs.
    private static let hedge = Duration.seconds(1)

    func run() async throws {
        let connector = Connector(
            configuration: self.configuration,
            multiplexer: self.multiplexer,
            greeter: self.greeter
        )
        var backoff = Backoff(maximum: .milliseconds(500))
        var failures = 0
        while !self.multiplexer.isStopping {
            do {
                // The pauses and the attempts end with a graceful shutdown; an established connection drains first.
                let attached = try await cancelWhenGracefulShutdown {
                    try await connector.attach(hedgingEvery: Self.hedge)
                }
                guard let (channel, server) = attached else { break }
                self.log(connectedTo: server, after: failures)
                failures = 0
                let start = ContinuousClock.now
                try await channel.closeFuture.get()
                // Connections that end soon count as failed attempts: a server that closes is not hammered.
                if start.duration(to: .now) > backoff.maximum { backoff.reset() }
                guard !self.multiplexer.isStopping else { break }
                self.onTrouble(self.configuration.address)
                var metadata = self.metadata
                if let failure = self.multiplexer.lastFailure { metadata["error"] = "\(failure)" }
                self.logger.info("connection lost", metadata: metadata)
            } catch let error as RedisError where error.code == .unsupportedServer && self.isFirstServer {
                throw error
            } catch is CancellationError {
                break
            } catch {
                let failure = error as? RedisError ?? RedisError(.cannotConnect, "\(error)", cause: error)
                self.multiplexer.connectFailed(failure)
                self.log(failure, attempt: failures)
                failures += 1
                // A server that refuses is there.
                if failure.serverError.isEmpty { self.onTrouble(self.configuration.address) }
            }
            let pause = backoff.next(random: .random(in: 0..<1))
            guard (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }) != nil else { break }
        }
        try Task.checkCancellation()
    }

    /// Whether no connection has ever been made: a server found unfit later is met with patience.
    private var isFirstServer: Bool { self.multiplexer.counters.connects.load(ordering: .relaxed) == 0 }

    private var metadata: Logger.Metadata { ["address": "\(self.configuration.address)"] }

    /// The first failure of a row is a warning, the rest is for whoever looks closely.
    private func log(_ failure: RedisError, attempt: Int) {
        var metadata = self.metadata
        metadata["error"] = "\(failure)"
        self.logger.log(level: attempt == 0 ? .warning : .debug, "cannot connect, trying on", metadata: metadata)
    }

    private func log(connectedTo server: ServerInfo, after failures: Int) {
        var metadata = self.metadata
        metadata["server"] = "\(server.name) \(server.version)"
        metadata["protocol"] = "RESP\(server.protocolVersion)"
        self.logger.log(level: failures > 0 ? .notice : .debug, "connected", metadata: metadata)
    }
}

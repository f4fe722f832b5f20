import Logging
import NIOCore
import Resilience
import ServiceLifecycle
import Synchronization

/// Keeps one node connected: connect, wait for the end, pause, connect again.
struct ConnectionKeeper: Sendable {
    let configuration: RedisClientConfiguration
    let node: Node
    let logger: Logger

    func run() async throws {
        let connector = Connector(configuration: self.configuration, node: self.node)
        var backoff = Backoff()
        var failures = 0
        while !self.node.isStopping {
            do {
                // The pauses and the attempts end with a graceful shutdown; an established connection drains first.
                let (channel, link) = try await cancelWhenGracefulShutdown {
                    try await connector.connect()
                }
                let attached = try await channel.eventLoop
                    .submit {
                        // It may have ended behind the last reply of the handshake: then nobody would ever detach it.
                        guard channel.isActive else {
                            throw RedisError(.cannotConnect, "the connection ended right after the handshake")
                        }
                        return self.node.attach(link)
                    }
                    .get()
                guard attached else {
                    channel.close(promise: nil)
                    break
                }
                self.node.counters.connects.wrappingAdd(1, ordering: .relaxed)
                self.log(connectedTo: link.server, after: failures)
                failures = 0
                let start = ContinuousClock.now
                try await channel.closeFuture.get()
                // Connections that end soon count as failed attempts: a server that closes is not hammered.
                if start.duration(to: .now) > backoff.maximum { backoff.reset() }
                guard !self.node.isStopping else { break }
                var metadata = self.metadata
                if let failure = self.node.lastFailure { metadata["error"] = "\(failure)" }
                self.logger.info("connection lost", metadata: metadata)
            } catch let error as RedisError where error.code == .unsupportedServer && self.isFirstServer {
                throw error
            } catch is CancellationError {
                break
            } catch {
                let failure = error as? RedisError ?? RedisError(.cannotConnect, "\(error)", cause: error)
                self.node.connectFailed(failure)
                self.log(failure, attempt: failures)
                failures += 1
            }
            let pause = backoff.next(random: .random(in: 0..<1))
            guard (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }) != nil else { break }
        }
        try Task.checkCancellation()
    }

    /// Whether no connection has ever been made: a server found unfit later is met with patience.
    private var isFirstServer: Bool { self.node.counters.connects.load(ordering: .relaxed) == 0 }

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

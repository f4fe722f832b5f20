import Logging
import Resilience

/// Keeps one node's connection for subscriptions for as long as there are some.
final class SubscriptionHome: Sendable {
    let node: RedisNode
    var id: ObjectIdentifier { ObjectIdentifier(self.node) }

    init(node: RedisNode) { self.node = node }

    /// Connects, and connects again, until nobody wants anything here or the task is cancelled.
    func run(in hub: SubscriptionHub, _ logger: Logger) async {
        var backoff = Backoff()
        var failures = 0
        repeat {
            var metadata: Logger.Metadata = ["address": "\(self.node.address)"]
            do {
                let loop = self.node.multiplexer.eventLoop
                let connection = try await SubscriberConnection.connect(
                    self.node.configuration,
                    tls: self.node.multiplexer.tls,
                    on: loop
                ) { [weak hub] event in hub?.receive(event, from: self) }
                guard hub.connected(self, connection) else { return connection.close() }
                failures = 0
                let start = ContinuousClock.now
                let reason = await connection.ended()
                hub.counters.note(ClientLimit(reason))
                guard hub.disconnected(self) else { return }
                // As with commands: a server that closes at once is not hammered.
                if start.duration(to: .now) > backoff.maximum { backoff.reset() }
                metadata["error"] = "\(reason)"
                logger.info("subscriptions lost their connection", metadata: metadata)
            } catch {
                guard !Task.isCancelled else { return }
                metadata["error"] = "\(error)"
                let level = failures == 0 ? Logger.Level.warning : .debug
                logger.log(level: level, "cannot connect for subscriptions, trying on", metadata: metadata)
                failures += 1
            }
            let pause = backoff.next(random: .random(in: 0..<1))
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        } while hub.retry(self)
    }
}

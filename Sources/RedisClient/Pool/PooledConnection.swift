import Synchronization
import NIOCore
import RESP

/// One connection of the pool, with a multiplexer of its own: deadlines, cancellation and reply order are kept as on
/// the shared one.
final class PooledConnection: Sendable {
    let multiplexer: Multiplexer
    let channel: any Channel

    private init(_ multiplexer: Multiplexer, _ channel: any Channel) {
        self.multiplexer = multiplexer
        self.channel = channel
    }

    /// - Throws: ``RedisError`` with `cannotConnect`; `CancellationError`.
    static func connect(
        _ configuration: RedisClientConfiguration,
        settings: ClientSettings? = nil,
        limits: LimitMetrics<ClientLimit>? = nil,
        tls: TLSClient?,
        on eventLoop: any EventLoop,
        until end: UInt64
    ) async throws -> PooledConnection {
        let multiplexer = Multiplexer(
            eventLoop: eventLoop,
            configuration: configuration,
            settings: settings,
            tls: tls,
            // The client's statistics are those of its shared connections.
            counters: ConnectionCounters(limits)
        )
        _ = multiplexer.start()
        let connector = Connector(configuration: configuration, multiplexer: multiplexer)
        guard let (channel, _) = try await connector.attach(until: end) else {
            throw RedisError(.shutDown, "the client is shutting down")
        }
        return PooledConnection(multiplexer, channel)
    }

    var isOpen: Bool { self.channel.isActive }

    /// Whether nothing is on its way: no reply can reach whoever comes next.
    var isSettled: Bool { self.multiplexer.isSettled }

    func close() { self.channel.close(promise: nil) }

    /// Whether the server answers PING.
    func answers(within limit: Duration) async -> Bool {
        await self.multiplexer.answers(within: limit)
    }
}

extension Multiplexer {
    /// Whether the server answers PING.
    func answers(within limit: Duration) async -> Bool {
        let replies = await self.attempt(
            expecting: 1,
            timeout: limit.nanosecondsClamped,
            isFirstInLine: true,
            ignoresCancellation: false
        ) { $0.writeWire("*1\r\n$4\r\nPING\r\n") }
        return replies.count == 1
    }

    /// Whether every command has been answered.
    var isSettled: Bool { self.queue.withLock { $0.queued == 0 && $0.inFlight.count == 0 } }
}

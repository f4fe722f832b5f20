import NIOCore
import RESP

/// A connection for subscriptions, to one address: no commands go over it but those that subscribe.
///
/// Whoever made it hears all events in order, on the event loop, and keeps within bounds what it keeps of them. The
/// server is asked for a sign of life every half of the pool's `cleanerPause`; a connection on which nothing has come
/// from one sign to the next is closed.
final class SubscriberConnection: Sendable {
    /// What the server said of itself.
    let server: ServerInfo
    private let handler: NIOLoopBound<SubscriberHandler>
    private let end: EventLoopFuture<RedisError>

    private init(_ server: ServerInfo, _ handler: NIOLoopBound<SubscriberHandler>, _ end: EventLoopFuture<RedisError>) {
        self.server = server
        self.handler = handler
        self.end = end
    }

    /// Connects to the configuration's address; its credentials, its required role and its time-out hold.
    ///
    /// - Parameters:
    ///   - configuration: whom to connect to and how.
    ///   - tls: made for that address; `nil` in clear.
    ///   - eventLoop: where the connection lives.
    ///   - handOn: gets each event, on the event loop: it must neither block nor wait. Called no more after
    ///     ``close()`` has been carried out or ``ended()`` has returned.
    /// - Returns: the connection without subscriptions.
    /// - Throws: ``RedisError`` with `cannotConnect`; `CancellationError`.
    static func connect(
        _ configuration: RedisClientConfiguration,
        tls: TLSClient?,
        on eventLoop: any EventLoop,
        _ handOn: @escaping @Sendable (SubscriberEvent) -> Void
    ) async throws -> SubscriberConnection {
        let configuration = configuration.plain
        let limits = configuration.replyLimits
        let half = (configuration.pool.cleanerPause / 2).nanosecondsClamped
        let interval = TimeAmount.nanoseconds(Int64(clamping: max(1_000_000, half)))
        let multiplexer = Multiplexer(eventLoop: eventLoop, configuration: configuration, tls: tls)
        let (channel, link) = try await Connector(configuration: configuration, multiplexer: multiplexer).connect()
        return try await channel.eventLoop
            .submit {
                guard channel.isActive else {
                    throw RedisError(.cannotConnect, "the connection ended right after the handshake")
                }
                let ended = channel.eventLoop.makePromise(of: RedisError.self)
                let handler = SubscriberHandler(limits: limits, interval: interval, ended: ended, handOn)
                // Nothing has been asked for: no byte can be lost between the two.
                channel.pipeline.syncOperations.removeHandler(link.handler.value, promise: nil)
                do {
                    try channel.pipeline.syncOperations.addHandler(handler)
                } catch {
                    ended.succeed(RedisError(.cannotConnect, "the connection ended right after the handshake"))
                    throw error
                }
                let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
                return SubscriberConnection(link.server, bound, ended.futureResult)
            }
            .get()
    }

    /// Asks for subscriptions; each is confirmed or refused by an event with the same token.
    func subscribe(to names: some Sequence<SubscriptionName>, token: UInt64 = 0) {
        self.send(names.map { .subscribe($0, token: token) })
    }

    /// Asks for subscriptions to ordinary channels.
    func subscribe(channels: [String]) { self.subscribe(to: channels.map { SubscriptionName(.channel, $0) }) }

    /// Gives subscriptions up; messages under way may still come.
    func unsubscribe(from names: some Sequence<SubscriptionName>) { self.send(names.map { .unsubscribe($0) }) }

    func send(_ requests: [SubscriberReader.Request]) {
        // Requests of one thread go out in the order in which they were made.
        self.handler.eventLoop.execute { self.handler.value.send(requests) }
    }

    /// Ends the connection.
    func close() { self.handler.eventLoop.execute { self.handler.value.stop() } }

    /// Waits for the end of the connection; cancellation ends it.
    ///
    /// - Returns: why it ended.
    func ended() async -> RedisError {
        await withTaskCancellationHandler {
            (try? await self.end.get()) ?? RedisError(.connectionClosed, "the connection was closed")
        } onCancel: {
            self.close()
        }
    }
}

extension ConnectionHandler: RemovableChannelHandler {}

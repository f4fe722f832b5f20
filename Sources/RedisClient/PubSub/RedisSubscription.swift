/// What comes over a subscription.
public enum RedisSubscriptionEvent: Sendable, Hashable {
    /// A message was published.
    case message(RedisMessage)
    /// From here on messages may be missing, until the next ``inForce``.
    ///
    /// The connection was lost, the master has changed, or a slot has moved.
    case interrupted
    /// All channels and patterns are subscribed to. Messages published before this may have been lost, none after it.
    ///
    /// It comes first when the subscription has begun, after every interruption, and in place of messages that were
    /// dropped because they were not taken in time: whoever keeps what messages invalidate drops all of it here.
    case inForce
}

/// How much of a subscription waits for its consumer.
public struct RedisSubscriptionConfiguration: Sendable, Hashable {
    /// The most events that wait; 10 000 by default.
    ///
    /// When another one comes, all are dropped, and one ``RedisSubscriptionEvent/inForce`` (or `interrupted`) takes
    /// their place.
    public var maximumWaitingEvents: Int = 10_000
    /// The most bytes of messages that wait, channels' names and 128 bytes for each included; 64 MiB by default.
    public var maximumWaitingBytes: Int = 64 * 1024 * 1024

    /// The defaults named at each property.
    public init() {}
}

/// The events of one ``RedisClient/withSubscription(to:patterns:sharded:configuration:_:)``, in order.
///
/// Meant for one consumer; of several, each event reaches one. It ends with its scope, and with the client's graceful
/// shutdown once the events that wait have been taken.
///
/// Iteration throws ``RedisError``: `server` when the server refuses a channel for good (`NOPERM`), `shutDown` when the
/// client's `run()` was cancelled or failed. It throws `CancellationError` when the consumer is cancelled.
public struct RedisSubscription: AsyncSequence, Sendable {
    /// What comes.
    public typealias Element = RedisSubscriptionEvent
    let buffer: SubscriptionBuffer

    /// Takes one event after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let buffer: SubscriptionBuffer

        /// Waits for the next event.
        ///
        /// - Returns: `nil` at the end.
        /// - Throws: as ``RedisSubscription`` says.
        public mutating func next() async throws -> RedisSubscriptionEvent? { try await self.buffer.next() }
    }

    /// Continues where an earlier iterator has stopped.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(buffer: self.buffer) }
}

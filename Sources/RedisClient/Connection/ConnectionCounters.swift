import Synchronization

/// What the connections of one multiplexer have done, counted once per batch.
final class ConnectionCounters: Sendable {
    let connects = Atomic<UInt64>(0)
    let commands = Atomic<UInt64>(0)
    let flushes = Atomic<UInt64>(0)
    let reads = Atomic<UInt64>(0)
    let droppedMessages = Atomic<UInt64>(0)
    let limits: LimitMetrics<ClientLimit>?

    init(_ limits: LimitMetrics<ClientLimit>? = nil) { self.limits = limits }

    /// Counts a limit that was met, by `count` callers; `nil` is none.
    func note(_ limit: ClientLimit?, _ count: Int = 1) {
        if let limit { self.limits?.note(limit, count) }
    }
}

/// Counts since the client was made.
public struct RedisClientStatistics: Sendable, Hashable {
    /// Connections established.
    public var connects: UInt64
    /// Commands handed to the socket; a pipeline counts each of its commands.
    public var commands: UInt64
    /// Batches handed to the socket; each is one `write` unless the socket's buffer is full.
    public var flushes: UInt64
    /// Pieces of input received; each is one `read`.
    public var reads: UInt64
    /// Published messages that subscribers did not take in time, and lost.
    public var droppedMessages: UInt64

    init(_ counters: ConnectionCounters) {
        self.connects = counters.connects.load(ordering: .relaxed)
        self.commands = counters.commands.load(ordering: .relaxed)
        self.flushes = counters.flushes.load(ordering: .relaxed)
        self.reads = counters.reads.load(ordering: .relaxed)
        self.droppedMessages = counters.droppedMessages.load(ordering: .relaxed)
    }
}

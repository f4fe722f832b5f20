public import Logging
public import NIOCore
import NIOPosix
import RESP
public import ServiceLifecycle

/// A client of one Redis or Valkey server, over one multiplexed connection.
///
/// Any number of tasks may call ``execute(_:timeout:)`` at once: their commands travel over one connection in batches.
/// ``run()`` makes the connection and keeps it: it must be running, as a `Service` or as a child task.
public final class RedisClient: Service, Sendable {
    /// The settings the client was made with.
    public let configuration: RedisClientConfiguration
    let node: Node
    private let logger: Logger
    private let defaultTimeout: UInt64

    /// A client that is not connected yet.
    ///
    /// Does no I/O.
    ///
    /// - Parameters:
    ///   - configuration: the server and the limits.
    ///   - eventLoopGroup: where connections live; the process-wide group by default.
    ///   - logger: for the background work; disconnects and failed attempts, never a value or key.
    public init(
        _ configuration: RedisClientConfiguration = RedisClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "RedisClient")
    ) {
        self.configuration = configuration
        let group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.node = Node(eventLoop: group.next(), configuration: configuration)
        self.logger = logger
        self.defaultTimeout = configuration.commandTimeout.nanosecondsClamped
    }

    /// What the connected server said of itself; `nil` while there is no connection.
    public var server: ServerInfo? { self.node.server }

    /// Counts since the client was made.
    public var statistics: RedisClientStatistics { RedisClientStatistics(self.node.counters) }

    /// Declares the client running before ``run()`` has been scheduled: calls wait for the connection from here on.
    ///
    /// - Throws: ``RedisError`` with `alreadyRunning` or `invalidConfiguration`.
    package func prepareToRun() throws {
        try self.configuration.validate()
        guard self.node.start() else { throw RedisError(.alreadyRunning, "run() may be called once") }
    }

    /// Connects, keeps the connection and makes a new one when it is lost, until shut down.
    ///
    /// Attempts never end; the pauses between them grow from 50 ms to 2 s. A graceful shutdown takes no new commands,
    /// waits up to `drainTimeout` for outstanding replies and returns. Cancellation closes the connection at once.
    ///
    /// - Throws: ``RedisError``: `unsupportedServer` when the first server met lacks a required command, `alreadyRunning`,
    ///   `invalidConfiguration`.
    public func run() async throws {
        try self.prepareToRun()
        try await self.runPrepared()
    }

    /// The rest of ``run()`` after ``prepareToRun()``.
    package func runPrepared() async throws {
        let node = self.node
        defer { _ = node.beginDraining() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await ConnectionKeeper(configuration: self.configuration, node: node, logger: self.logger).run()
            } onGracefulShutdown: {
                self.drain()
            }
        } onCancel: {
            guard let link = node.beginDraining() else { return }
            node.eventLoop.execute { link.handler.value.close(RedisError(.shutDown, "cancelled", delivery: .unknown)) }
        }
    }

    private func drain() {
        guard let link = self.node.beginDraining() else { return }
        let limit = TimeAmount.nanoseconds(Int64(clamping: self.configuration.drainTimeout.nanosecondsClamped))
        let eventLoop = self.node.eventLoop
        eventLoop.execute { link.handler.value.closeWhenDrained() }
        eventLoop.scheduleTask(in: limit) {
            link.handler.value.close(RedisError(.shutDown, "not answered before the shutdown", delivery: .unknown))
        }
    }

    // MARK: Commands

    /// Sends commands and waits for their replies; waits for a connection or for room first where needed.
    @usableFromInline
    func send(
        expecting count: Int,
        timeout: Duration?,
        timeoutFactor: Int,
        isIdempotent: Bool,
        ignoresCancellation: Bool = false,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> Replies {
        guard count > 0 else { return .notAdmitted }
        let nanoseconds =
            timeout?.nanosecondsClamped
            ?? self.defaultTimeout.multipliedClamped(by: UInt64(max(1, timeoutFactor)))
        let replies = await self.node.attempt(
            expecting: count,
            timeout: nanoseconds,
            isFirstInLine: false,
            ignoresCancellation: ignoresCancellation,
            encode: encode
        )
        if replies.count > 0 { return replies }
        return try await self.sendAgain(
            after: replies,
            expecting: count,
            timeout: nanoseconds,
            isIdempotent: isIdempotent,
            encode: encode
        )
    }

    /// What follows a first attempt that brought nothing: waiting for a connection or for room, and another attempt
    /// where the first one was certainly not sent, or the command may be repeated.
    private func sendAgain(
        after first: Replies,
        expecting count: Int,
        timeout: UInt64,
        isIdempotent: Bool,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> Replies {
        var replies = first
        let deadline =
            first.deadline > 0 ? first.deadline : NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
        var mayHaveBeenSent = false
        while true {
            if replies.count > 0 { return replies }
            try Task.checkCancellation()
            if let failure = replies.failure {
                mayHaveBeenSent = mayHaveBeenSent || failure.delivery != .notSent
                let mayRepeat = failure.code == .connectionClosed && (!mayHaveBeenSent || isIdempotent)
                guard mayRepeat, NIODeadline.now().uptimeNanoseconds < deadline else {
                    throw mayHaveBeenSent ? failure.mayHaveBeenSent : failure
                }
            } else if let failure = await self.node.waitForAdmission(until: deadline) {
                try Task.checkCancellation()
                throw mayHaveBeenSent ? failure.mayHaveBeenSent : failure
            }
            let now = NIODeadline.now().uptimeNanoseconds
            replies = await self.node.attempt(
                expecting: count,
                timeout: deadline > now ? deadline - now : 0,
                isFirstInLine: true,
                ignoresCancellation: false,
                encode: encode
            )
        }
    }
}

extension UInt64 {
    func multipliedClamped(by factor: UInt64) -> UInt64 {
        let (product, overflow) = self.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}

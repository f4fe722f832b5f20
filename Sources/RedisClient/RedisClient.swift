public import CoreMetrics
public import Logging
public import NIOCore
import NIOPosix
import RESP
public import ServiceLifecycle
import Synchronization

/// A client of one Redis or Valkey server, over one multiplexed connection.
///
/// Any number of tasks may call ``execute(_:timeout:)`` at once: their commands travel over one connection in batches.
/// ``run()`` makes the connection and keeps it: it must be running, as a `Service` or as a child task.
public final class RedisClient: RedisExecutor, Service {
    /// The settings the client was made with.
    public let configuration: RedisClientConfiguration
    let multiplexer: Multiplexer
    let pool: ConnectionPool
    private let tls: TLSClient?
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
    ///   - metrics: where the pool's gauges go; the process-wide metrics system by default.
    public init(
        _ configuration: RedisClientConfiguration = RedisClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "RedisClient"),
        metrics: (any MetricsFactory)? = nil
    ) {
        self.configuration = configuration
        let group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.tls = TLSClient(configuration)
        self.multiplexer = Multiplexer(eventLoop: group.next(), configuration: configuration, tls: self.tls)
        self.pool = ConnectionPool(
            configuration,
            tls: self.tls,
            eventLoopGroup: group,
            metrics: PoolMetrics(configuration, metrics ?? MetricsSystem.factory),
            logger: logger
        )
        self.logger = logger
        self.defaultTimeout = configuration.commandTimeout.nanosecondsClamped
    }

    /// What the connected server said of itself; `nil` while there is no connection.
    public var server: ServerInfo? { self.multiplexer.server }

    /// Counts since the client was made.
    public var statistics: RedisClientStatistics { RedisClientStatistics(self.multiplexer.counters) }

    /// Runs tasks on the event loop of the shared connection; see ``EventLoopExecutor`` for what that gives and costs.
    public var eventLoopExecutor: EventLoopExecutor { self.multiplexer.executor }

    /// The connections at this moment.
    public var poolStatistics: PoolStatistics { self.pool.state.withLock { PoolStatistics($0) } }

    /// Declares the client running before ``run()`` has been scheduled: calls wait for the connection from here on.
    ///
    /// - Throws: ``RedisError`` with `alreadyRunning` or `invalidConfiguration`.
    package func prepareToRun() throws {
        try self.configuration.validate()
        try self.tls?.load()
        guard self.multiplexer.start() else { throw RedisError(.alreadyRunning, "run() may be called once") }
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
        defer {
            _ = self.multiplexer.beginDraining()
            self.pool.closeAll()
        }
        self.tls?.warn(self.logger)
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await self.keep()
            } onGracefulShutdown: {
                self.drain()
            }
        } onCancel: {
            self.pool.closeAll()
            guard let link = self.multiplexer.beginDraining() else { return }
            self.multiplexer.eventLoop.execute {
                link.handler.value.close(RedisError(.shutDown, "cancelled", delivery: .unknown))
            }
        }
    }

    /// The shared connection, the cleaner beside it, and at the end the exclusive connections still in use.
    private func keep() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.clean() }
            defer { group.cancelAll() }
            try await ConnectionKeeper(
                configuration: self.configuration,
                multiplexer: self.multiplexer,
                logger: self.logger
            )
            .run()
        }
        let end = ContinuousClock.now + self.configuration.drainTimeout
        while !self.pool.isUnused, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Looks after idle connections, and after the shared one, until cancelled.
    private func clean() async {
        // A longer sleep than some hundred years traps.
        let pause = min(self.configuration.pool.cleanerPause, .seconds(1_000_000_000))
        repeat {
            async let shared: Void = self.multiplexer.probe(within: pause / 2)
            await self.pool.clean()
            await shared
        } while (try? await Task.sleep(for: pause)) != nil
    }

    private func drain() {
        self.pool.shutDown()
        guard let link = self.multiplexer.beginDraining() else { return }
        let limit = TimeAmount.nanoseconds(Int64(clamping: self.configuration.drainTimeout.nanosecondsClamped))
        let eventLoop = self.multiplexer.eventLoop
        eventLoop.execute { link.handler.value.closeWhenDrained() }
        eventLoop.scheduleTask(in: limit) {
            link.handler.value.close(RedisError(.shutDown, "not answered before the shutdown", delivery: .unknown))
        }
    }

    // MARK: Commands

    /// Sends commands over the shared connection, or over one of their own if they block.
    ///
    /// Waits for a connection or for room first where needed. After a lost connection idempotent commands are sent
    /// again, others only if they were certainly not sent.
    ///
    /// - Throws: ``RedisError``, `CancellationError`.
    public func send(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies {
        guard request.count > 0 else { return .notAdmitted }
        let timeout =
            request.timeout?.nanosecondsClamped
            ?? self.defaultTimeout.multipliedClamped(by: UInt64(max(1, request.timeoutFactor)))
        switch request.connectionUse {
        case .shared: break
        case .blocking(let limit):
            return try await self.sendExclusively(request, for: limit, timeout: timeout, encode: encode)
        case .beginsTransaction, .endsTransaction, .exclusive: throw RedisError.exclusive
        case .unsupported: throw RedisError.unsupported
        }
        let replies = await self.multiplexer.attempt(
            expecting: request.count,
            timeout: timeout,
            isFirstInLine: false,
            ignoresCancellation: request.ignoresCancellation,
            encode: encode
        )
        if replies.count > 0 { return replies }
        return try await self.sendAgain(
            request,
            after: replies,
            timeout: timeout,
            encode: encode
        )
    }

    /// What follows a first attempt that brought nothing: waiting for a connection or for room, and another attempt
    /// where the first one was certainly not sent, or the command may be repeated.
    private func sendAgain(
        _ request: RedisRequest,
        after first: RedisReplies,
        timeout: UInt64,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        var replies = first
        let deadline =
            first.deadline > 0 ? first.deadline : NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
        var mayHaveBeenSent = false
        while true {
            if replies.count > 0 { return replies }
            if !request.ignoresCancellation { try Task.checkCancellation() }
            if let failure = replies.failure {
                mayHaveBeenSent = mayHaveBeenSent || failure.delivery != .notSent
                let mayRepeat = failure.code == .connectionClosed && (!mayHaveBeenSent || request.isIdempotent)
                guard mayRepeat, NIODeadline.now().uptimeNanoseconds < deadline else {
                    throw mayHaveBeenSent ? failure.mayHaveBeenSent : failure
                }
            } else if let failure = await self.multiplexer.waitForAdmission(
                until: deadline,
                ignoresCancellation: request.ignoresCancellation
            ) {
                if !request.ignoresCancellation { try Task.checkCancellation() }
                throw mayHaveBeenSent ? failure.mayHaveBeenSent : failure
            }
            let now = NIODeadline.now().uptimeNanoseconds
            guard now < deadline else {
                let failure = RedisError(.timeout, "no connection or room within the deadline")
                throw mayHaveBeenSent ? failure.mayHaveBeenSent : failure
            }
            replies = await self.multiplexer.attempt(
                expecting: request.count,
                timeout: deadline - now,
                isFirstInLine: true,
                ignoresCancellation: request.ignoresCancellation,
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

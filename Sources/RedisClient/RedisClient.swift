public import CoreMetrics
public import Logging
public import NIOCore
import NIOPosix
import RESP
public import ServiceLifecycle
import Synchronization

/// A client of a Redis or Valkey server, of a master watched by sentinels, or of a cluster.
///
/// Any number of tasks may call ``execute(_:timeout:)`` at once: their commands travel over one connection per server,
/// in batches. ``run()`` makes the connections and keeps them: it must be running, as a `Service` or as a child task. Calls
/// that come before it wait for it until their deadlines, and fail with `notRunning` then.
public final class RedisClient: RedisExecutor, Service {
    private let initial: RedisClientConfiguration
    let settings: ClientSettings
    let topology: any Topology
    /// The only node there is; `nil` where the topology must be asked.
    private let soleNode: RedisNode?
    /// Whether commands go by their keys.
    public let routesCommands: Bool
    let subscriptions: SubscriptionHub
    /// Told by the servers of changes of keys that were read with tracking.
    package let watches: KeyWatches
    /// Sees each new shared connection to a master before callers do.
    package let greeter: ConnectionGreeter
    /// The servers' clock less this machine's, in ms.
    let clockOffset = Atomic<Int64>(0)
    private let counters: ConnectionCounters
    private let tls: TLSClient?
    let breaker: Breaker
    private let logger: Logger
    private let hasWarned = Atomic<Bool>(false)

    /// A client that is not connected yet.
    ///
    /// Does no I/O.
    ///
    /// - Parameters:
    ///   - configuration: the servers and the limits.
    ///   - eventLoopGroup: where connections live; the process-wide group by default.
    ///   - logger: for the background work; disconnects and failed attempts, never a value or key.
    ///   - metrics: where the metrics of pool and breaker go; the process-wide metrics system by default.
    public init(
        _ configuration: RedisClientConfiguration = RedisClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "RedisClient"),
        metrics: (any MetricsFactory)? = nil
    ) {
        let settings = ClientSettings(configuration)
        self.initial = configuration
        self.settings = settings
        self.tls = TLSClient(configuration)
        self.logger = logger
        let eventLoopGroup = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        let metrics = metrics ?? MetricsSystem.factory
        let counters = ConnectionCounters(
            LimitMetrics(prefix: configuration.metricsPrefix, name: configuration.poolName, metrics)
        )
        self.breaker = Breaker(configuration, metrics, logger)
        let subscriptions = SubscriptionHub(eventLoop: eventLoopGroup.next(), counters: counters, logger: logger)
        self.counters = counters
        self.subscriptions = subscriptions
        var context = RedisNode.Context(
            configuration: configuration,
            settings: settings,
            tls: self.tls,
            eventLoopGroup: eventLoopGroup,
            counters: counters,
            metrics: PoolMetrics(configuration, metrics),
            logger: logger
        )
        self.watches = context.watches
        self.greeter = context.greeter
        context.onRetirement = { [weak subscriptions] in subscriptions?.noteRetirement() }
        switch configuration.topology {
        case .standalone:
            let node = RedisNode(configuration.address, role: configuration.requiredRole, context)
            self.soleNode = node
            self.topology = StandaloneTopology(node)
            self.routesCommands = false
        case .sentinel(let sentinel):
            self.soleNode = nil
            self.topology = SentinelTopology(sentinel, context)
            self.routesCommands = false
        case .cluster(let cluster):
            self.soleNode = nil
            self.topology = ClusterTopology(cluster, context)
            self.routesCommands = true
        }
    }

    /// The settings as they are now: those the client was made with, but for what ``reconfigure(_:)`` has changed.
    public var configuration: RedisClientConfiguration { self.reconfigured(self.initial) }

    /// What the connected server said of itself; `nil` while there is no connection.
    ///
    /// Of several servers one that is connected.
    public var server: ServerInfo? {
        if let soleNode { return soleNode.multiplexer.server }
        // Not lazily: that would ask a node twice, which may have lost its connection in between.
        for node in self.topology.nodes { if let server = node.multiplexer.server { return server } }
        return nil
    }

    /// Counts since the client was made, over all its connections but the exclusive ones.
    public var statistics: RedisClientStatistics { RedisClientStatistics(self.counters) }

    /// Runs tasks on the event loop of the shared connection; see ``EventLoopExecutor`` for what that gives and costs.
    ///
    /// With several servers, on the loop of one of them.
    public var eventLoopExecutor: EventLoopExecutor {
        (self.soleNode ?? self.topology.node(for: RedisRequest(count: 1))).multiplexer.executor
    }

    /// The connections at this moment, over all servers.
    public var poolStatistics: PoolStatistics {
        self.topology.nodes.reduce(PoolStatistics()) { $0 + $1.pool.state.withLock { PoolStatistics($0) } }
    }

    /// Checks the settings and loads the certificates.
    ///
    /// - Throws: ``RedisError`` with `invalidConfiguration`.
    package func checkToRun() throws {
        try self.configuration.validate()
        try self.tls?.load()
    }

    /// Declares the client running before ``run()`` has been scheduled: calls wait for the connection from here on.
    ///
    /// - Throws: ``RedisError`` with `alreadyRunning` or `invalidConfiguration`.
    package func prepareToRun() throws {
        try self.checkToRun()
        guard self.topology.start() else { throw RedisError(.alreadyRunning, "run() may be called once") }
        self.subscriptions.start(self.topology)
    }

    /// Connects, keeps the connections and makes new ones when they are lost, until shut down.
    ///
    /// Attempts never end; the pauses between them grow from 50 ms to half a second. A graceful shutdown takes no new
    /// commands, waits up to `drainTimeout` for outstanding replies and returns. Cancellation closes the connections at
    /// once.
    ///
    /// - Throws: ``RedisError``: `unsupportedServer` when the first server met lacks a required command,
    /// `alreadyRunning`,
    ///   `invalidConfiguration`.
    public func run() async throws {
        try self.prepareToRun()
        try await self.runPrepared()
    }

    /// The rest of ``run()`` after ``prepareToRun()``.
    package func runPrepared() async throws {
        self.tls?.warn(self.logger)
        try await withGracefulShutdownHandler {
            try await self.subscriptions.run { try await self.topology.run() }
        } onGracefulShutdown: {
            self.subscriptions.end(nil)
            self.topology.drain()
        }
    }

    /// Says once that calls wait for nothing.
    func warnOfRun() {
        if self.hasWarned.exchange(true, ordering: .relaxed) { return }
        self.logger.warning("calls fail: run() of this client is not running")
    }

    // MARK: Commands

    /// Sends commands over the shared connection, or over one of their own if they block.
    ///
    /// Waits for a connection or for room first where needed. After a lost connection idempotent commands are sent
    /// again, others only if they were certainly not sent. A cluster's redirections are followed.
    ///
    /// - Throws: ``RedisError``, `CancellationError`.
    public func send(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies {
        guard request.count > 0 else { return .notAdmitted }
        if self.breaker.isOn { return try await self.send(request, under: self.breaker, encode: encode) }
        return try await self.sendPermitted(request, encode: encode)
    }

    /// Sends what the breaker has nothing to say about, or has let through.
    func sendPermitted(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies {
        let timeout =
            request.timeout?.nanosecondsClamped
            ?? self.settings.commandTimeout.multipliedClamped(by: UInt64(max(1, request.timeoutFactor)))
        switch request.connectionUse {
        case .shared: break
        case .blocking(let limit):
            return try await self.sendExclusively(request, for: limit, timeout: timeout, encode: encode)
        case .beginsTransaction, .endsTransaction, .exclusive: throw RedisError.exclusive
        case .unsupported: throw RedisError.unsupported
        }
        let node = self.soleNode ?? self.topology.node(for: request)
        let replies = await node.multiplexer.attempt(
            expecting: request.count,
            timeout: timeout,
            isFirstInLine: false,
            ignoresCancellation: request.ignoresCancellation,
            check: request.isTrusted ? .none : .shared,
            encode: encode
        )
        if replies.count > 0, self.soleNode != nil || !replies.beginsWithError && !request.isTransaction {
            return replies
        }
        return try await self.sendAgain(request, after: replies, from: node, within: timeout, encode: encode)
    }
}

extension UInt64 {
    func multipliedClamped(by factor: UInt64) -> UInt64 {
        let (product, overflow) = self.multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}

import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// One server at one address in one role: the shared connection, the exclusive ones, and what keeps them.
///
/// A node never becomes another one: where a server's role or a name's owner changes, the node is retired and a new
/// one made.
final class RedisNode: Sendable {
    /// What all nodes of a client share.
    struct Context: Sendable {
        let configuration: RedisClientConfiguration
        let settings: ClientSettings
        let tls: TLSClient?
        let eventLoopGroup: any EventLoopGroup
        let counters: ConnectionCounters
        let metrics: PoolMetrics
        let logger: Logger
        /// Told of changed keys.
        var watches = KeyWatches()
        /// Sees each new shared connection to a master before callers do.
        var greeter = ConnectionGreeter()
        /// Told when a connection is lost, cannot be made, or stays silent while replies are awaited.
        var onTrouble: @Sendable (RedisAddress) -> Void = { _ in }
        /// Told when a node has been retired; a topology's lock may be held.
        var onRetirement: @Sendable () -> Void = {}

        /// The configuration with the settings as they are now.
        var current: RedisClientConfiguration { self.settings.applied(to: self.configuration) }
    }

    let address: RedisAddress
    /// What the server must be; `nil`: whatever it is.
    let role: ServerInfo.Role?
    private let initial: RedisClientConfiguration
    /// The settings as they are now.
    var configuration: RedisClientConfiguration { self.context.settings.applied(to: self.initial) }
    /// Whether there is no server behind it: a place to wait until one is known.
    let isPlaceholder: Bool
    let multiplexer: Multiplexer
    let pool: ConnectionPool
    private let context: Context
    /// The work of ``run()``, to be cut short; and whether it shall be.
    private let running = Mutex<(task: Task<Void, any Error>?, isOver: Bool)>((nil, false))

    /// A node that is not connected yet; nothing is sent before ``run()``.
    init(_ address: RedisAddress, role: ServerInfo.Role?, _ context: Context, isPlaceholder: Bool = false) {
        var configuration = context.configuration
        configuration.address = address
        configuration.requiredRole = role
        let tls = context.tls.map { TLSClient($0, for: address) }
        self.address = address
        self.role = role
        self.isPlaceholder = isPlaceholder
        self.initial = configuration
        self.context = context
        self.multiplexer = Multiplexer(
            eventLoop: context.eventLoopGroup.next(),
            configuration: configuration,
            settings: context.settings,
            tls: tls,
            counters: context.counters,
            watches: context.watches,
            onSilence: { context.onTrouble(address) }
        )
        var exclusive = configuration
        // Scripts and commands belong to the server, not to a connection.
        exclusive.tracksKeys = false
        exclusive.preloadedScripts = []
        exclusive.requiredCommands = []
        exclusive.probedCommands = []
        self.pool = ConnectionPool(
            exclusive,
            settings: context.settings,
            tls: tls,
            eventLoopGroup: context.eventLoopGroup,
            counters: context.counters,
            metrics: context.metrics,
            logger: context.logger,
            onTrouble: { context.onTrouble(address) }
        )
    }

    /// A node without a server, where callers wait until one is known.
    static func placeholder(_ context: Context) -> RedisNode {
        RedisNode(.host("placeholder", port: 0), role: nil, context, isPlaceholder: true)
    }

    /// Lets callers wait for the connection from here on; `false` if it has been called before.
    func start() -> Bool { self.multiplexer.start() }

    /// Connects, keeps the connection and makes a new one when it is lost, until drained, retired or cancelled.
    ///
    /// - Throws: ``RedisError`` with `unsupportedServer` when this is the first server that the client meets.
    func run() async throws {
        defer {
            _ = self.multiplexer.beginDraining()
            self.pool.closeAll()
        }
        // They may have changed since the pool was made, when nobody knew of this node yet.
        self.pool.reconfigure(self.context.settings.pool)
        // Cancelled by `close(_:)`, and with the task that waits for it below.
        let task = Task { try await self.keep() }
        let isOver = self.running.withLock { running in
            running.task = task
            return running.isOver
        }
        if isOver { task.cancel() }
        try await withTaskCancellationHandler {
            do {
                try await task.value
            } catch is CancellationError where !Task.isCancelled {
                // Retired.
            }
        } onCancel: {
            self.close(RedisError(.shutDown, "cancelled", delivery: .unknown))
        }
    }

    /// The shared connection, the cleaner beside it, and at the end the exclusive connections still in use.
    private func keep() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.clean() }
            defer { group.cancelAll() }
            try await ConnectionKeeper(
                configuration: self.initial,
                multiplexer: self.multiplexer,
                greeter: self.role == .replica ? nil : self.context.greeter,
                onTrouble: self.context.onTrouble,
                logger: self.context.logger
            )
            .run()
        }
        let end = ContinuousClock.now + self.initial.drainTimeout
        while !self.pool.isUnused, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Looks after idle connections, and after the shared one, until cancelled.
    private func clean() async {
        var pause = Duration.zero
        repeat {
            // A longer sleep than some hundred years traps.
            pause = min(self.context.settings.pool.cleanerPause, .seconds(1_000_000_000))
            async let shared: Void = self.multiplexer.probe(within: pause / 2)
            await self.pool.clean()
            await shared
        } while (try? await Task.sleep(for: pause)) != nil
    }

    // MARK: Ends

    /// Takes nothing new, waits up to `limit` for outstanding replies, `drainTimeout` by default, and ends ``run()``.
    func drain(within limit: Duration? = nil) {
        self.pool.shutDown()
        guard let link = self.multiplexer.beginDraining() else { return }
        let longest = limit ?? self.initial.drainTimeout
        let limit = TimeAmount.nanoseconds(Int64(clamping: longest.nanosecondsClamped))
        let eventLoop = self.multiplexer.eventLoop
        eventLoop.execute { link.handler.value.closeWhenDrained() }
        eventLoop.scheduleTask(in: limit) {
            link.handler.value.close(RedisError(.shutDown, "not answered before the shutdown", delivery: .unknown))
        }
    }

    /// Ends ``run()`` because callers shall go elsewhere: whoever waits here is told to try again.
    ///
    /// - Parameters:
    ///   - reason: why, for whoever gets the error.
    ///   - patient: whether outstanding replies may still come, for a second; else their commands fail at once with
    ///   `connectionClosed`.
    func retire(_ reason: String, lettingRepliesCome patient: Bool = false) {
        self.multiplexer.retire(RedisError(.connectionClosed, reason))
        if patient {
            self.drain(within: .seconds(1))
        } else {
            self.close(RedisError(.connectionClosed, reason, delivery: .unknown))
        }
        self.context.onRetirement()
    }

    /// Whether callers shall go elsewhere.
    var isRetired: Bool { self.multiplexer.queue.withLock { $0.retirement != nil } }

    private func close(_ error: RedisError) {
        self.pool.closeAll()
        let link = self.multiplexer.beginDraining()
        if let link { self.multiplexer.eventLoop.execute { link.handler.value.close(error) } }
        let task = self.running.withLock { running in
            running.isOver = true
            return running.task
        }
        task?.cancel()
    }
}

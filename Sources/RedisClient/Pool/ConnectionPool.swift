import Logging
import NIOCore
import Resilience
import Synchronization

/// The exclusive connections of one server: leased to one caller at a time, given back, probed while idle.
///
/// Decisions are ``PoolState``'s; this type carries them out.
final class ConnectionPool: Sendable {
    /// What a waiter is told.
    enum Turn: Sendable {
        case use(PooledConnection)
        case connect
        case failed(RedisError)
    }

    /// A caller in line, and the timer that sends it away.
    struct Waiter: Sendable {
        let continuation: CheckedContinuation<Turn, Never>
        let overdue: Scheduled<Void>
    }

    typealias State = PoolState<PooledConnection, Waiter>

    private let configuration: RedisClientConfiguration
    private let settings: ClientSettings
    let state: Mutex<State>
    private let tls: TLSClient?
    private let eventLoopGroup: any EventLoopGroup
    private let counters: ConnectionCounters
    private let metrics: PoolMetrics
    private let logger: Logger
    /// Told when a connection cannot be made.
    private let onTrouble: @Sendable () -> Void
    private let lastID = Atomic<UInt64>(0)
    /// Why the last attempt failed; `nil` since one has succeeded.
    private let lastFailure = Mutex<RedisError?>(nil)
    /// All that are open, so that none outlives the client.
    private let open = Mutex<Open>(Open())

    private struct Open {
        var connections: [ObjectIdentifier: PooledConnection] = [:]
        /// Whether the client has ended: what is still being made is closed as soon as it is there.
        var isOver = false
    }

    init(
        _ configuration: RedisClientConfiguration,
        settings: ClientSettings,
        tls: TLSClient?,
        eventLoopGroup: any EventLoopGroup,
        counters: ConnectionCounters,
        metrics: PoolMetrics,
        logger: Logger,
        onTrouble: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.settings = settings
        self.onTrouble = onTrouble
        self.tls = tls
        self.eventLoopGroup = eventLoopGroup
        self.state = Mutex(State(settings.pool))
        self.counters = counters
        self.metrics = metrics
        self.logger = logger
    }

    // MARK: Leasing

    /// A connection for one caller; ``giveBack(_:isReusable:)`` must follow.
    ///
    /// - Throws: ``RedisError``: `noFreeConnection` after the wait, `cannotConnect`, `shutDown`; `CancellationError`.
    func lease(until deadline: UInt64) async throws -> PooledConnection {
        do {
            return try await self.leaseUncounted(until: deadline)
        } catch {
            self.counters.note((error as? RedisError).flatMap { ClientLimit($0) })
            throw error
        }
    }

    private func leaseUncounted(until deadline: UInt64) async throws -> PooledConnection {
        let waitEnd = NIODeadline.now().uptimeNanoseconds.addingClamped(self.settings.queueWait)
        let end = min(deadline, waitEnd)
        guard self.settings.pool.maximumTotal > 1 else {
            throw RedisError(.noFreeConnection, "pool.maximumTotal is 1: there is no connection beside the shared one")
        }
        while true {
            try Task.checkCancellation()
            var turn: Turn
            switch self.change({ $0.lease() }) {
            case .use(let connection): turn = .use(connection)
            case .connect: turn = .connect
            case .shutDown: throw RedisError(.shutDown, "the client is shutting down")
            case .wait: turn = await self.wait(until: end)
            }
            switch turn {
            case .use(let connection):
                if connection.isOpen { return connection }
                // It ended while it was idle or handed over.
                self.giveBack(connection, isReusable: false)
            case .connect:
                if let connection = try await self.connect(until: end, deadline) { return connection }
            case .failed(let error):
                try Task.checkCancellation()
                throw error
            }
        }
    }

    /// Makes a connection in the room that the state machine has counted, trying on until `end`.
    ///
    /// - Returns: `nil` when the attempt's turn has passed to somebody else; the caller asks again.
    private func connect(until end: UInt64, _ deadline: UInt64) async throws -> PooledConnection? {
        var backoff = Backoff()
        // Behind others' failures, a pause comes first: callers who come again and again do not hammer a server.
        for _ in 0..<self.state.withLock({ min($0.failures, 8) }) { _ = backoff.next(random: 0) }
        do {
            if self.state.withLock({ $0.failures > 0 }) {
                let pause = backoff.next(random: .random(in: 0..<1))
                let now = NIODeadline.now().uptimeNanoseconds
                try await Task.sleep(for: min(pause, .nanoseconds(Int64(clamping: end > now ? end - now : 0))))
            }
            guard NIODeadline.now().uptimeNanoseconds < deadline else { throw self.waitedInVain }
            let connection = try await self.makeConnection(until: deadline)
            self.act(on: self.change { $0.connected() })
            return connection
        } catch {
            // A caller who gives up says nothing of the server.
            let now = NIODeadline.now().uptimeNanoseconds
            let isAbandoned = Task.isCancelled || now >= deadline
            self.act(on: self.change { isAbandoned ? $0.connectAbandoned() : $0.connectFailed() })
            try Task.checkCancellation()
            if now >= end { throw error }
            return nil
        }
    }

    private func makeConnection(until end: UInt64 = .max) async throws -> PooledConnection {
        let connection: PooledConnection
        do {
            connection = try await PooledConnection.connect(
                self.configuration,
                settings: self.settings,
                limits: self.counters.limits,
                tls: self.tls,
                on: self.eventLoopGroup.next(),
                until: end
            )
        } catch {
            let failure = error as? RedisError ?? RedisError(.cannotConnect, "\(error)", cause: error)
            // Of an attempt that a caller has cut short nothing is learned.
            if !(error is CancellationError), NIODeadline.now().uptimeNanoseconds < end {
                self.lastFailure.withLock { $0 = failure }
                // A server that refuses is there.
                if failure.serverError.isEmpty { self.onTrouble() }
            }
            throw failure
        }
        let isOver = self.open.withLock { open in
            if !open.isOver { open.connections[ObjectIdentifier(connection)] = connection }
            return open.isOver
        }
        guard !isOver else {
            connection.close()
            throw RedisError(.shutDown, "the client has shut down")
        }
        connection.channel.closeFuture.whenComplete { [weak self] _ in self?.ended(connection) }
        self.lastFailure.withLock { $0 = nil }
        return connection
    }

    private func wait(until end: UInt64) async -> Turn {
        let id = self.lastID.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let overdue = self.eventLoopGroup.next()
                    .scheduleTask(deadline: .uptimeNanoseconds(end)) { self.abandon(id, self.waitedInVain) }
                let waiter = Waiter(continuation: continuation, overdue: overdue)
                let isShutDown = self.state.withLock { state in
                    if !state.isShutDown { state.enqueue(waiter, id: id) }
                    return state.isShutDown
                }
                if isShutDown { self.tell(waiter, .failed(RedisError(.shutDown, "the client is shutting down"))) }
                // A connection may have come back between the look and the waiting.
                self.act(on: self.change { $0.promote() })
                if Task.isCancelled { self.abandon(id, RedisError(.timeout, "cancelled")) }
                // The timer may have fired before there was anybody to send away.
                if NIODeadline.now().uptimeNanoseconds >= end { self.abandon(id, self.waitedInVain) }
            }
        } onCancel: {
            self.abandon(id, RedisError(.timeout, "cancelled"))
        }
    }

    private var waitedInVain: RedisError {
        guard let failure = self.lastFailure.withLock({ $0 }) else {
            return RedisError(
                .noFreeConnection,
                "all \(self.settings.pool.maximumTotal) connections stayed in use for the whole wait"
            )
        }
        return RedisError(.cannotConnect, "no connection within the wait: \(failure.message)", cause: failure)
    }

    private func abandon(_ id: UInt64, _ error: RedisError) {
        if let waiter = self.change({ $0.abandon(id) }) { self.tell(waiter, .failed(error)) }
    }

    private func tell(_ waiter: Waiter, _ turn: Turn) {
        waiter.overdue.cancel()
        waiter.continuation.resume(returning: turn)
    }

    // MARK: Giving back

    /// Ends a lease.
    func giveBack(_ connection: PooledConnection, isReusable: Bool) {
        let now = NIODeadline.now().uptimeNanoseconds
        self.act(on: self.change { $0.giveBack(connection, isReusable: isReusable && connection.isOpen, at: now) })
    }

    /// Carries out what the state machine has decided.
    private func act(on action: State.Action) {
        switch action {
        case .nothing: break
        case .close(let connection):
            connection.close()
            self.act(on: self.change { $0.next() })
        case .handOver(let connection, let waiter):
            self.tell(waiter, .use(connection))
            self.act(on: self.change { $0.next() })
        case .letConnect(let waiter): self.tell(waiter, .connect)
        }
    }

    private func ended(_ connection: PooledConnection) {
        self.open.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
        self.act(
            on: self.change { state in
                state.removeIdle { $0 === connection }
                return state.next()
            }
        )
    }

    /// Changes the state and shows the new figures.
    @discardableResult
    func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, figures) = self.state.withLock { state in
            let result = body(&state)
            let isGone = state.isShutDown && state.active + state.pending == 0
            return (result, isGone ? nil : PoolStatistics(state))
        }
        self.metrics.record(figures, of: ObjectIdentifier(self))
        return result
    }

    /// Takes other sizes, and closes idle connections beyond them.
    func reconfigure(_ configuration: ConnectionPoolConfiguration) {
        for connection in self.change({ $0.reconfigure(configuration) }) { connection.close() }
        // Each who waits and may connect now.
        while true {
            let action = self.change { $0.next() }
            if case .nothing = action { return }
            self.act(on: action)
        }
    }

    // MARK: Cleaner

    /// One round: close what is outdated, probe what is idle, fill up.
    func clean() async {
        let now = NIODeadline.now().uptimeNanoseconds
        for connection in self.change({ $0.takeOutdated(at: now) }) { self.act(on: .close(connection)) }
        let limit = self.settings.pool.cleanerPause / 2
        await withTaskGroup(of: Void.self) { group in
            for (connection, since) in self.change({ $0.takeToProbe() }) {
                group.addTask {
                    let isAlive = await connection.answers(within: limit)
                    self.act(on: self.change { $0.probed(connection, since: since, isAlive: isAlive) })
                }
            }
        }
        while self.change({ $0.beginFilling() }) {
            do {
                let connection = try await self.makeConnection()
                let now = NIODeadline.now().uptimeNanoseconds
                self.act(on: self.change { $0.filled(connection, at: now) })
            } catch {
                self.logger.debug("cannot keep idle connections ready", metadata: ["error": "\(error)"])
                self.act(on: self.change { $0.connectFailed() })
                return
            }
        }
    }

    // MARK: End

    /// Takes nothing new, closes what is idle; connections in use close when they are given back.
    func shutDown() {
        let (idle, waiters) = self.change { $0.shutDown() }
        for connection in idle { connection.close() }
        for waiter in waiters { self.tell(waiter, .failed(RedisError(.shutDown, "the client is shutting down"))) }
    }

    /// Closes all connections, in use or not.
    func closeAll() {
        self.shutDown()
        let open = self.open.withLock { open in
            open.isOver = true
            return Array(open.connections.values)
        }
        for connection in open { connection.close() }
    }

    /// Whether no connection is in use.
    var isUnused: Bool { self.state.withLock { $0.active + $0.pending == 0 } }
}

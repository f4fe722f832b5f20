/// Who has which connection, who waits, and what is to be done next: a pure state machine, time passed in.
///
/// The one place where connections are counted: `total` never exceeds `maximumTotal`, but for what is in use when that
/// becomes smaller.
struct PoolState<Connection, Waiter> {
    /// What a caller who wants a connection is to do.
    enum Lease {
        /// Use this one.
        case use(Connection)
        /// Make one; then ``connected()``, ``connectFailed()`` or ``connectAbandoned()``.
        case connect
        /// Wait in line.
        case wait
        /// The pool is shut down.
        case shutDown
    }

    /// What becomes of a connection, or of the room it leaves.
    enum Action {
        case nothing
        case close(Connection)
        case handOver(Connection, to: Waiter)
        /// The waiter may make a connection in the room that has come free; it is counted already.
        case letConnect(Waiter)
    }

    private(set) var maximumTotal = 0
    private(set) var maximumIdle = 0
    private(set) var minimumIdle = 0
    private(set) var minimumIdleTime: UInt64 = 0
    /// In use by callers.
    private(set) var active = 0
    /// Being made.
    private(set) var pending = 0
    /// Being probed by the cleaner.
    private(set) var probing = 0
    /// The last one given back comes last and is used first.
    private(set) var idle: [(connection: Connection, since: UInt64)] = []
    private(set) var waiters = WaitingLine<Waiter>()
    private(set) var isShutDown = false
    /// Attempts to connect that failed in a row.
    private(set) var failures = 0

    init(_ configuration: ConnectionPoolConfiguration) { self.take(configuration) }

    /// `maximumTotal` includes the shared connection, which is not counted here.
    private mutating func take(_ configuration: ConnectionPoolConfiguration) {
        self.maximumTotal = max(1, configuration.maximumTotal) - 1
        self.maximumIdle = configuration.maximumIdle
        self.minimumIdle = configuration.minimumIdle
        self.minimumIdleTime = configuration.minimumIdleTime.nanosecondsClamped
    }

    /// Takes other sizes.
    ///
    /// - Returns: the idle connections beyond them, which are to be closed, the longest idle first.
    mutating func reconfigure(_ configuration: ConnectionPoolConfiguration) -> [Connection] {
        self.take(configuration)
        let surplus = max(self.idle.count - self.maximumIdle, self.total - self.maximumTotal, 0)
        let closed = self.idle.prefix(surplus).map(\.connection)
        self.idle.removeFirst(closed.count)
        return closed
    }

    var total: Int { self.active + self.pending + self.probing + self.idle.count }

    /// Whether another connection may be attempted: after a failure, one at a time.
    private var mayConnect: Bool {
        self.total < self.maximumTotal && (self.failures == 0 || self.pending == 0)
    }

    // MARK: Callers

    mutating func lease() -> Lease {
        if self.isShutDown { return .shutDown }
        guard self.waiters.isEmpty else { return .wait }
        if let (connection, _) = self.idle.popLast() {
            self.active += 1
            return .use(connection)
        }
        guard self.mayConnect else { return .wait }
        self.pending += 1
        return .connect
    }

    mutating func enqueue(_ waiter: Waiter, id: UInt64) { self.waiters.append(waiter, id: id) }

    /// Takes a waiter out of the line who gives up.
    mutating func abandon(_ id: UInt64) -> Waiter? { self.waiters.remove(id) }

    /// A connection has been made and is used by whoever made it; a second caller may try if one waits.
    mutating func connected() -> Action {
        self.failures = 0
        self.pending -= 1
        self.active += 1
        return self.next()
    }

    /// No connection could be made; whoever waits may try.
    mutating func connectFailed() -> Action {
        self.failures = min(self.failures + 1, 1_000)
        self.pending -= 1
        return self.next()
    }

    /// Whoever was to make a connection has given up; whoever waits may try.
    mutating func connectAbandoned() -> Action {
        self.pending -= 1
        return self.next()
    }

    /// A connection in use is given back.
    mutating func giveBack(_ connection: Connection, isReusable: Bool, at now: UInt64) -> Action {
        guard isReusable, !self.isShutDown, self.total <= self.maximumTotal else {
            self.active -= 1
            return .close(connection)
        }
        if let waiter = self.waiters.popFirst() { return .handOver(connection, to: waiter) }
        self.active -= 1
        return self.keep(connection, at: now)
    }

    /// After a connection was closed: the first of those who wait may make one.
    mutating func next() -> Action {
        guard !self.isShutDown, self.mayConnect, let waiter = self.waiters.popFirst() else { return .nothing }
        self.pending += 1
        return .letConnect(waiter)
    }

    /// After somebody has joined the line: a connection may have come back, or room, a moment before.
    mutating func promote() -> Action {
        guard !self.waiters.isEmpty, let (connection, _) = self.idle.popLast(), let waiter = self.waiters.popFirst()
        else {
            return self.next()
        }
        self.active += 1
        return .handOver(connection, to: waiter)
    }

    private mutating func keep(_ connection: Connection, at now: UInt64) -> Action {
        guard self.idle.count < self.maximumIdle else { return .close(connection) }
        self.idle.append((connection, now))
        return .nothing
    }

    // MARK: Cleaner

    /// Takes out what has been idle for too long, oldest first, but not below `minimumIdle`.
    mutating func takeOutdated(at now: UInt64) -> [Connection] {
        var outdated: [Connection] = []
        while self.idle.count > self.minimumIdle, let (connection, since) = self.idle.first,
            now >= since.addingClamped(self.minimumIdleTime)
        {
            self.idle.removeFirst()
            outdated.append(connection)
        }
        return outdated
    }

    /// Takes out all idle connections to be probed; each comes back by ``probed(_:since:isAlive:)``.
    mutating func takeToProbe() -> [(connection: Connection, since: UInt64)] {
        defer { self.idle = [] }
        self.probing += self.idle.count
        return self.idle
    }

    mutating func probed(_ connection: Connection, since: UInt64, isAlive: Bool) -> Action {
        self.probing -= 1
        return isAlive ? self.putBack(connection, since: since) : .close(connection)
    }

    private mutating func putBack(_ connection: Connection, since: UInt64) -> Action {
        // The pool may have become smaller while it was away.
        guard !self.isShutDown, self.total < self.maximumTotal else { return .close(connection) }
        if let waiter = self.waiters.popFirst() {
            self.active += 1
            return .handOver(connection, to: waiter)
        }
        guard self.idle.count < self.maximumIdle else { return .close(connection) }
        // Back in its place by age.
        let index = self.idle.firstIndex { $0.since > since } ?? self.idle.endIndex
        self.idle.insert((connection, since), at: index)
        return .nothing
    }

    /// Whether a connection is missing among the idle ones; then it is to be made.
    mutating func beginFilling() -> Bool {
        guard !self.isShutDown, self.idle.count < self.minimumIdle, self.mayConnect else { return false }
        self.pending += 1
        return true
    }

    /// The connection that was missing has been made.
    mutating func filled(_ connection: Connection, at now: UInt64) -> Action {
        self.failures = 0
        self.pending -= 1
        return self.putBack(connection, since: now)
    }

    /// Takes out an idle connection that has ended by itself.
    mutating func removeIdle(where isIt: (Connection) -> Bool) {
        self.idle.removeAll { isIt($0.connection) }
    }

    // MARK: End

    /// Takes nothing new; what is idle is to be closed, whoever waits to be sent away.
    mutating func shutDown() -> (idle: [Connection], waiters: [Waiter]) {
        self.isShutDown = true
        defer { self.idle = [] }
        return (self.idle.map(\.connection), self.waiters.popFirst(.max))
    }
}

extension PoolState.Lease: Sendable where Connection: Sendable {}
extension PoolState.Action: Sendable where Connection: Sendable, Waiter: Sendable {}

import Synchronization

/// The right to do what a lock protects, for as long as it lasts.
///
/// It is prolonged while the body of ``Oxbow/Oxbow/withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)`` runs. From its
/// end on every call throws; the end is reckoned from before the server was asked, by a clock that goes on while the machine
/// sleeps or the process is stopped, and is two percent earlier than the server's.
public final class LockLease: Sendable {
    /// The lock's name.
    public let name: String
    package let lock: LockName
    package let token: Token
    private let fence: UInt64
    private let state: Mutex<LeaseState>

    init(_ name: String, _ lock: LockName, _ token: Token, fence: UInt64, _ state: LeaseState) {
        self.name = name
        self.lock = lock
        self.token = token
        self.fence = fence
        self.state = Mutex(state)
    }

    /// A number that is higher than that of every holder before: hand it to the store that is written to, and let that
    /// refuse lower ones than it has seen.
    ///
    /// From the server's clock in µs, or one more than the last. After a failover to a server whose clock lags behind, it may
    /// be lower than one before.
    ///
    /// - Throws: ``OxbowError`` with `leaseEnded`.
    public var fencingToken: UInt64 {
        get throws {
            try self.check()
            return self.fence
        }
    }

    /// Whether the lock is held.
    public var isValid: Bool { self.state.withLock { $0.isValid(at: .now) } }

    /// For how long the lock is held, if it were not prolonged; zero if it is held no more.
    public var remaining: Duration { self.state.withLock { $0.remaining(at: .now) } }

    /// Throws unless the lock is held.
    ///
    /// - Throws: ``OxbowError`` with `leaseEnded`.
    public func check() throws {
        guard self.isValid else { throw OxbowError(.leaseEnded, "the lock is held no more") }
    }

    func update<Result>(_ body: (inout LeaseState) -> Result) -> Result { self.state.withLock { body(&$0) } }
}

/// When a lease ends, and when it is to be renewed: decides without clock or I/O.
struct LeaseState: Sendable {
    let length: Duration
    /// Until when the server has it without any renewal, where that is longer.
    private let fixedEnd: ContinuousClock.Instant?
    private(set) var end: ContinuousClock.Instant
    private(set) var nextRenewal: ContinuousClock.Instant
    private(set) var isOver = false
    /// Whether the server has it for longer than to the fixed end.
    private(set) var isProlonged = false

    /// - Parameters:
    ///   - length: for how long the server was asked, and is asked at each renewal.
    ///   - asked: the moment before that.
    ///   - fixedEnd: until then it was asked the first time, and renewals only look whether it is still there, until it is
    ///     near; `nil`, the default: there is no such thing.
    init(_ length: Duration, asked: ContinuousClock.Instant, until fixedEnd: ContinuousClock.Instant? = nil) {
        self.length = length
        self.fixedEnd = fixedEnd
        (self.end, self.nextRenewal) = (asked, asked)
        self.reckon(max(length, fixedEnd.map { asked.duration(to: $0) } ?? length), from: asked)
    }

    private mutating func reckon(_ life: Duration, from asked: ContinuousClock.Instant) {
        // Clocks may run at different rates.
        self.end = asked + life - life / 50
        self.nextRenewal = asked + self.length / 3
        self.isProlonged = self.fixedEnd.map { asked + life > $0 } ?? false
    }

    func isValid(at now: ContinuousClock.Instant) -> Bool { !self.isOver && now < self.end }

    func remaining(at now: ContinuousClock.Instant) -> Duration {
        self.isValid(at: now) ? now.duration(to: self.end) : .zero
    }

    /// Until there is something to do: a renewal, or the end.
    func pause(at now: ContinuousClock.Instant) -> Duration {
        max(.zero, now.duration(to: min(self.nextRenewal, self.end)))
    }

    /// How long a renewal may take, which the end of the body waits for: a third of the lease, or what is left of it, and no
    /// more than two seconds.
    func renewalTimeout(at now: ContinuousClock.Instant) -> Duration {
        max(.milliseconds(1), min(self.length / 3, self.remaining(at: now), .seconds(2)))
    }

    /// For how long the server is to be asked now.
    func life(at now: ContinuousClock.Instant) -> Duration {
        guard let fixedEnd else { return self.length }
        // As long as there will be another look in time; far from the looks, which come at thirds and a little later.
        let rest = now.duration(to: fixedEnd)
        return rest >= self.length / 2 ? rest : self.length
    }

    /// The server was asked at a moment, and has prolonged it by so much; one that has ended stays so.
    mutating func renewed(for life: Duration, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
        if self.isValid(at: now) { self.reckon(life, from: asked) }
    }

    /// The server could not be asked: again soon.
    mutating func failed(at now: ContinuousClock.Instant) { self.nextRenewal = now + self.length / 10 }

    mutating func finish() { self.isOver = true }
}

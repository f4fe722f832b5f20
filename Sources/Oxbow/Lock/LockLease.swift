import Synchronization

/// The right to do what a lock protects, until it ends.
///
/// It is renewed while the body of ``Oxbow/Oxbow/withLock(_:waitingAtMost:lease:confirmedByReplicas:_:)`` runs. After
/// its end every call throws. The end is computed from the time before the server was asked, by a clock that goes on
/// while the machine sleeps or the process is stopped, and is two percent earlier than the server's.
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

    /// A number that is higher than that of every earlier holder.
    ///
    /// Hand it to the store that is written to, and let that refuse numbers lower than the highest it has seen. From
    /// the server's clock in µs, or one more than the last number. After a failover to a server whose clock lags, it
    /// may be lower than an earlier one.
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

    /// The time until the lease ends unless it is renewed; zero when it has ended.
    public var remaining: Duration { self.state.withLock { $0.remaining(at: .now) } }

    /// Checks that the lock is held.
    ///
    /// - Throws: ``OxbowError`` with `leaseEnded`.
    public func check() throws {
        guard self.isValid else { throw OxbowError(.leaseEnded, "the lock is not held any more") }
    }

    /// Runs `body` under this lock, which is held already: explicit re-entry.
    ///
    /// For functions that need the lock and are called by its holder: a second `withLock` of the same name would have
    /// to wait for the first one. Asks no server. Any task that has the lease may call it, also while the holder or
    /// another task works under the lock.
    ///
    /// - Parameter body: the work; runs in the caller's task and isolation. If the lease ends meanwhile, the body of
    ///   `withLock` is cancelled, with its child tasks.
    /// - Returns: the result of `body`.
    /// - Throws: ``OxbowError`` with `leaseEnded` if the lease has ended, before `body` begins or when it has
    ///   returned; the error of `body`.
    public func reenter<Result>(_ body: (LockLease) async throws -> Result) async throws -> Result {
        try self.check()
        let result = try await body(self)
        try self.check()
        return result
    }

    func update<Result>(_ body: (inout LeaseState) -> Result) -> Result { self.state.withLock { body(&$0) } }
}

/// Decides when a lease ends and when it is renewed, without clock or I/O.
struct LeaseState: Sendable {
    let length: Duration
    /// The time until which the server has it without any renewal, where that is longer.
    private let fixedEnd: ContinuousClock.Instant?
    private(set) var end: ContinuousClock.Instant
    private(set) var nextRenewal: ContinuousClock.Instant
    private(set) var isOver = false
    /// Whether the server has it for longer than to the fixed end.
    private(set) var isProlonged = false

    /// - Parameters:
    ///   - length: the TTL that the server was asked for, and is asked for at each renewal.
    ///   - asked: the time before that.
    ///   - fixedEnd: the end that the server was asked for at first: until it is near, renewals only check that the
    ///     lock is there; `nil`, the default, if there is no such end.
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

    /// The time until the next renewal or the end.
    func pause(at now: ContinuousClock.Instant) -> Duration {
        max(.zero, now.duration(to: min(self.nextRenewal, self.end)))
    }

    /// The timeout of a renewal, which the end of the body waits for: a third of the lease, or the rest of it, and two
    /// seconds at most.
    func renewalTimeout(at now: ContinuousClock.Instant) -> Duration {
        max(.milliseconds(1), min(self.length / 3, self.remaining(at: now), .seconds(2)))
    }

    /// The TTL to ask the server for now.
    func life(at now: ContinuousClock.Instant) -> Duration {
        guard let fixedEnd else { return self.length }
        // While another renewal comes in time: those come at thirds of the length and a little later.
        let rest = now.duration(to: fixedEnd)
        return rest >= self.length / 2 ? rest : self.length
    }

    /// Notes a renewal for a TTL that was asked for at `asked`; a lease that has ended stays so.
    mutating func renewed(for life: Duration, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
        if self.isValid(at: now) { self.reckon(life, from: asked) }
    }

    /// Notes that the server could not be asked: it is retried soon.
    mutating func failed(at now: ContinuousClock.Instant) { self.nextRenewal = now + self.length / 10 }

    mutating func finish() { self.isOver = true }
}

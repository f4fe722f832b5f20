/// The operations of locks on a shared store, each atomic on one lock.
package protocol LockStore: Sendable {
    /// The policy by which locks may be evicted; `nil` if they are not, as far as that is known.
    var evictionPolicy: String? { get }

    /// Takes a lock if no other token has it. Safe to repeat with the same token.
    ///
    /// - Parameters:
    ///   - lock: the lock.
    ///   - token: the caller's.
    ///   - lease: the TTL of the lock.
    ///   - replicas: how many must confirm it.
    ///   - timeout: how long each request may take; `nil`, or longer than for other calls: as for those.
    /// - Returns: whether the caller has it.
    /// - Throws: what the store does.
    func take(
        _ lock: LockName,
        _ token: Token,
        for lease: Duration,
        confirmedBy replicas: Int,
        within timeout: Duration?
    ) async throws -> LockAnswer

    /// Sets the TTL of a lock that the token still has. Safe to repeat, and sent also by a cancelled task.
    ///
    /// - Returns: whether the token has it.
    func renew(_ lock: LockName, _ token: Token, for lease: Duration, within timeout: Duration) async throws -> Bool

    /// Releases a lock that the token still has. Safe to repeat, and sent also by a cancelled task.
    ///
    /// - Parameters:
    ///   - lock: the lock.
    ///   - token: the holder's.
    ///   - timeout: how long to wait for the answer; `nil`: as for other calls.
    /// - Returns: whether the token had it.
    /// - Throws: what the store does.
    func release(_ lock: LockName, _ token: Token, within timeout: Duration?) async throws -> LockReturn

    /// Waits until a lock may be free, until `end` at the latest; each request may take as long, but
    /// ``LockTimeout/minimum`` at least.
    ///
    /// - Throws: `CancellationError`, too.
    func wait(for lock: LockName, until end: ContinuousClock.Instant) async throws
}

/// The answer to taking a lock.
package enum LockAnswer: Sendable, Hashable {
    /// The caller has it, with this number, higher than any before.
    case taken(fence: UInt64)
    /// Another token has it.
    case held
    /// Too few replicas have confirmed it; it has been released.
    case unconfirmed(Int)
}

/// The answer to releasing a lock.
package enum LockReturn: Sendable, Hashable {
    /// The token had it.
    case released
    /// The token did not have it: another one has it, or none.
    case notHeld
    /// The token does not have it any more, and an earlier attempt, whose answer was lost, may have released it.
    case inDoubt
}

/// The time limits of requests for callers that wait for a limited time.
package enum LockTimeout {
    /// The shortest limit: for callers that do not wait, too, a server has to be connected to and may pause.
    package static let minimum = Duration.seconds(1)

    /// The limit of a caller that waits until `end`.
    static func rest(until end: ContinuousClock.Instant) -> Duration {
        max(self.minimum, ContinuousClock.now.duration(to: end))
    }
}

/// The keys of a lock, in one slot of a cluster.
package struct LockName: Sendable, Hashable {
    /// Holds the holder's token.
    package let key: CellName
    /// Holds the last number given.
    package let fence: CellName

    package init(prefix: String, _ name: String) {
        self.init(tag: "\(prefix):{\(KeyEncoding.encode(name, isLast: false))}")
    }

    /// The lock of a cluster task, which no lock's name leads to: those are encoded.
    package init(prefix: String, task name: String) {
        self.init(tag: "\(prefix):{%task:\(KeyEncoding.encode(name, isLast: false))}")
    }

    private init(tag: String) {
        self.key = CellName(encoded: tag)
        self.fence = CellName(encoded: tag + ":fence")
    }
}

extension Token {
    /// 32 hexadecimal digits, as in other programs' locks.
    package var text: String {
        let digits = [self.high, self.low].map { String($0, radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }
}

extension LockStore {
    package func release(_ lock: LockName, _ token: Token) async throws -> LockReturn {
        try await self.release(lock, token, within: nil)
    }
}

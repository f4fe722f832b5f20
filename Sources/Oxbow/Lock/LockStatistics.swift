import Synchronization

/// A snapshot of the counts of locks in this process since the instance was made.
public struct LockStatistics: Sendable, Hashable {
    /// Locks taken.
    public var acquired: UInt64
    /// Calls that ended without the lock because another caller had it.
    public var refused: UInt64
    /// Locks that their holders lost: gone or expired while the body ran or when it had ended.
    ///
    /// Each such call has thrown `leaseEnded`, or the error of its body. A release whose answer was lost with its
    /// connection does not count.
    public var lost: UInt64
}

final class LockCounters: Sendable {
    let acquired = Atomic<UInt64>(0)
    let refused = Atomic<UInt64>(0)
    let lost = Atomic<UInt64>(0)

    var statistics: LockStatistics {
        LockStatistics(
            acquired: self.acquired.load(ordering: .relaxed),
            refused: self.refused.load(ordering: .relaxed),
            lost: self.lost.load(ordering: .relaxed)
        )
    }
}

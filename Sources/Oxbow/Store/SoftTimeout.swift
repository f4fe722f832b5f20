import Synchronization

/// A time-out that may change while it is in use.
package final class SoftTimeout: Sendable {
    private let nanoseconds: Atomic<Int64>

    package init(_ duration: Duration) { self.nanoseconds = Atomic(Self.nanoseconds(duration)) }

    package var duration: Duration { .nanoseconds(self.nanoseconds.load(ordering: .relaxed)) }

    func change(to duration: Duration) { self.nanoseconds.store(Self.nanoseconds(duration), ordering: .relaxed) }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        // Some 285 years.
        guard seconds < 9_000_000_000 else { return .max }
        return max(0, seconds) * 1_000_000_000 + max(0, attoseconds) / 1_000_000_000
    }
}

import Synchronization

/// A time-out that may change while it is in use.
package final class SoftTimeout: Sendable {
    private let nanoseconds: Atomic<Int64>

    package init(_ duration: Duration) { self.nanoseconds = Atomic(Self.nanoseconds(duration)) }

    package var duration: Duration { .nanoseconds(self.nanoseconds.load(ordering: .relaxed)) }

    func change(to duration: Duration) { self.nanoseconds.store(Self.nanoseconds(duration), ordering: .relaxed) }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        // In some 290 years.
        duration > .nanoseconds(Int64.max) ? .max : Int64(duration / .nanoseconds(1))
    }
}

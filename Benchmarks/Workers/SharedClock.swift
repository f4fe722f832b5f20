import Dispatch

/// A clock that all processes of a machine share: CLOCK_MONOTONIC on Linux.
enum SharedClock {
    /// Nanoseconds since some moment, the same one for all processes.
    static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    /// The moment so long after another one.
    static func time(_ duration: Duration, after time: UInt64) -> UInt64 {
        time + UInt64(max(0, duration / .nanoseconds(1)))
    }

    /// Waits until a moment; not at all if it is over or the task cancelled.
    static func sleep(until time: UInt64) async {
        let now = Self.now
        if time > now { try? await Task.sleep(for: .nanoseconds(Int64(clamping: time - now))) }
    }
}

import Synchronization

/// A clock that a test turns by hand: `Oxbow(inMemory: CacheConfiguration(), now: { clock.now })`.
public final class ManualClock: Sendable {
    private let time: Mutex<ContinuousClock.Instant>

    /// A clock that stands still at the present moment.
    public init() { self.time = Mutex(.now) }

    /// The moment at which the clock stands.
    public var now: ContinuousClock.Instant { self.time.withLock { $0 } }

    /// Turns the clock forward.
    ///
    /// - Parameter duration: how far; a negative one counts as zero.
    public func advance(by duration: Duration) { self.time.withLock { $0 += max(duration, .zero) } }
}

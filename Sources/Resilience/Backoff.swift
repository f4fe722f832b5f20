/// The pauses between attempts: doubled from `initial` up to `maximum`, each drawn between half of it and the whole.
///
/// The spread keeps many clients of one server from coming back at the same moment. Pure: the caller draws the random
/// number and does the waiting.
public struct Backoff: Sendable, Hashable {
    /// The longest first pause; 50 ms by default.
    public var initial: Duration
    /// The longest pause of all; 2 s by default.
    public var maximum: Duration
    private var attempts = 0

    /// A sequence that has not paused yet.
    public init(initial: Duration = .milliseconds(50), maximum: Duration = .seconds(2)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// The next pause.
    ///
    /// - Parameter random: a number from 0 up to 1; 0 gives half of the ceiling, 1 the whole.
    /// - Returns: how long to wait.
    public mutating func next(random: Double) -> Duration {
        // 2^20 times any sensible start is beyond any sensible end: no overflow, whatever the count.
        let ceiling = min(self.maximum, self.initial * (1 << min(self.attempts, 20)))
        if self.attempts < Int.max { self.attempts += 1 }
        return ceiling / 2 + ceiling / 2 * min(max(random, 0), 1)
    }

    /// Begins anew with the shortest pause.
    public mutating func reset() { self.attempts = 0 }
}

/// How often a cluster is asked for its slots, whoever wishes it and how often.
///
/// The time is passed in, in nanoseconds.
struct RefreshPace: Sendable {
    enum Urgency: Int, Comparable, Sendable {
        /// The table works, but has been corrected.
        case soon
        /// Callers wait.
        case urgently

        static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
    }

    private var last: UInt64 = 0
    /// Since when wishes have been urgent without a lull, and when the last one was.
    private var urgentSince: UInt64 = 0
    private var lastUrgent: UInt64 = 0

    /// The shortest pause behind a correction.
    private static let calm: UInt64 = 5_000_000_000
    /// The shortest pause while callers wait, and the one that it becomes when that lasts.
    private static let urgent: UInt64 = 100_000_000
    private static let patient: UInt64 = 1_000_000_000
    private static let patience: UInt64 = 15_000_000_000
    /// Wishes further apart than this have nothing to do with each other.
    private static let lull: UInt64 = 5_000_000_000

    /// How long a refresh still has to wait; 0: not at all.
    mutating func rest(before wish: Urgency, at now: UInt64) -> UInt64 {
        var pause = Self.calm
        if wish == .urgently {
            if self.lastUrgent == 0 || now > self.lastUrgent.addingClamped(Self.lull) { self.urgentSince = now }
            self.lastUrgent = now
            pause = now > self.urgentSince.addingClamped(Self.patience) ? Self.patient : Self.urgent
        }
        let end = self.last.addingClamped(pause)
        return self.last == 0 || now >= end ? 0 : end - now
    }

    /// A refresh has ended, well or not; `random`, from 0 to 1, spreads many clients' next ones.
    mutating func refreshed(at now: UInt64, random: Double) {
        self.last = now.addingClamped(UInt64(Double(Self.urgent) / 4 * min(max(random, 0), 1)))
    }
}

/// What has become of an invalidation.
public enum InvalidationOutcome: String, Sendable, Hashable {
    /// Carried out: no read that begins from now on, on any server, gets an older value.
    case applied
    /// The store could not be reached, or refused, or a failover was noticed meanwhile: kept in the journal of this process,
    /// and carried out as soon as that is possible.
    ///
    /// Until then this process reads past the cache; others may still get the old value.
    case journaled
}

/// The result of a write to the database under closed entries.
public struct Updated<Value> {
    /// The value that the write returned.
    public var value: Value
    /// Whether every reader sees the change from now on, or the invalidation is journaled.
    public var outcome: InvalidationOutcome

    /// A result, as for tests of what follows from one.
    public init(value: Value, outcome: InvalidationOutcome) {
        self.value = value
        self.outcome = outcome
    }
}

extension Updated: Sendable where Value: Sendable {}
extension Updated: Equatable where Value: Equatable {}

/// The journal of invalidations in this process at one moment.
public struct InvalidationJournalStatistics: Sendable, Hashable {
    /// Invalidations that wait to be carried out.
    public var pending = 0
    /// Caches that are read past until all their entries have been removed, because the journal was full.
    public var bypassedCaches = 0
    /// Invalidations that could not be carried out at once, since the start.
    public var journaled: UInt64 = 0
    /// Invalidations that were carried out later, or repeated after a failover, since the start.
    public var replayed: UInt64 = 0
    /// Masters whose data may have gone back in time (a restart, a failover, a restored backup), and whose cells are read past
    /// until the invalidations since have been repeated.
    public var recoveringMasters = 0
    /// How often this process has repeated its invalidations on such a master, since the start.
    public var failovers: UInt64 = 0
    /// How often this process has emptied the caches on such a master, because not all invalidations since were known any
    /// more, since the start.
    public var emptiedMasters: UInt64 = 0
}

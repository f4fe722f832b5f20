/// What one cache does differently from ``CacheConfiguration``, whose bounds hold for it, too.
///
/// `nil`, the default of all but ``updateWithoutStore``, is as configured.
public struct CacheOptions: Sendable, Hashable {
    /// The TTL of an entry.
    public var timeToLive: Duration?
    /// The TTL of an entry that says a value does not exist; 0 stores no such entries.
    public var absentTimeToLive: Duration?
    /// Which values are compressed.
    public var compression: CompressionConfiguration?
    /// By how many percent at most a stored TTL is shorter than asked for, 0 to 100.
    public var jitterPercent: Int?
    /// The timeout of each command on the way of a cache read.
    public var softTimeout: Duration?
    /// How eagerly a value is loaded again before it expires, 0 to 100.
    public var earlyRefreshFactor: Double?
    /// How long after its expiry a value is still served while it is loaded again.
    public var staleFor: Duration?
    /// How long an entry, or a group, takes no value after its invalidation; 0 for not at all.
    ///
    /// The same for all handles of the cache, on all servers.
    public var holdOff: Duration?
    /// The TTL of a loader's claim, renewed while it loads; at least 100 ms.
    public var claimLife: Duration?
    /// After this duration a loader's claim is not renewed any more.
    public var maximumLoad: Duration?
    /// How long a caller waits for another's load before it loads by itself.
    public var waitForLoad: Duration?
    /// How many loads run at once in this process while the cache cannot be used; at least 1.
    ///
    /// The handles of one cache share the places.
    public var maximumConcurrentLoads: Int?
    /// The largest value in bytes, before compression, 1 to 512 MiB; larger ones are returned and not stored.
    public var maximumValueBytes: Int?
    /// Whether request scopes (``Oxbow/withRequestScope(_:)``) remember what is read.
    public var usesRequestScope: Bool?
    /// What ``Cache/update(_:_:)`` does when the store cannot be reached; writes and journals by default.
    public var updateWithoutStore = UpdateWithoutStore.journal

    /// What an update does when the entry cannot be closed.
    public enum UpdateWithoutStore: Sendable, Hashable {
        /// Writes to the database, and journals the invalidation: other servers that reach the store may read the old value
        /// until it is carried out.
        case journal
        /// Throws before the write.
        case refuse
    }

    /// No differences but those given.
    public init(
        timeToLive: Duration? = nil,
        absentTimeToLive: Duration? = nil,
        compression: CompressionConfiguration? = nil,
        jitterPercent: Int? = nil,
        softTimeout: Duration? = nil,
        earlyRefreshFactor: Double? = nil,
        staleFor: Duration? = nil,
        holdOff: Duration? = nil,
        claimLife: Duration? = nil,
        maximumLoad: Duration? = nil,
        waitForLoad: Duration? = nil,
        maximumConcurrentLoads: Int? = nil,
        maximumValueBytes: Int? = nil,
        usesRequestScope: Bool? = nil,
        updateWithoutStore: UpdateWithoutStore = .journal
    ) {
        self.timeToLive = timeToLive
        self.absentTimeToLive = absentTimeToLive
        self.compression = compression
        self.jitterPercent = jitterPercent
        self.softTimeout = softTimeout
        self.earlyRefreshFactor = earlyRefreshFactor
        self.staleFor = staleFor
        self.holdOff = holdOff
        self.claimLife = claimLife
        self.maximumLoad = maximumLoad
        self.waitForLoad = waitForLoad
        self.maximumConcurrentLoads = maximumConcurrentLoads
        self.maximumValueBytes = maximumValueBytes
        self.usesRequestScope = usesRequestScope
        self.updateWithoutStore = updateWithoutStore
    }
}

/// Which values are compressed, and how.
public struct CompressionConfiguration: Sendable, Hashable {
    /// The compression of stored values.
    ///
    /// Whatever is set, both forms can be read.
    public enum Compression: String, Sendable, Hashable, CaseIterable {
        /// None.
        case none
        /// The zlib format, RFC 1950.
        case deflate
    }

    /// None by default.
    public var type = Compression.none
    /// Values of at least this many bytes are compressed, if that makes them smaller; 256 by default.
    public var minimumBytes = 256

    /// The defaults named at each property.
    public init() {}
}

/// How caches behave unless a cache or a call says otherwise.
public struct CacheConfiguration: Sendable, Hashable {
    /// The first component of every key; `ox-cache` by default.
    ///
    /// Give applications that share a database prefixes of their own.
    public var keyPrefix = "ox-cache"
    /// The life of an entry; 3600 s by default.
    public var timeToLive: Duration = .seconds(3600)
    /// The TTL of an entry that says a value does not exist; 60 s by default, 0 to store no such entries.
    ///
    /// A call's own `timeToLive` bounds it.
    public var absentTimeToLive: Duration = .seconds(60)
    /// The life of a loader's claim, renewed while it loads; 5 s by default.
    public var claimLife: Duration = .seconds(5)
    /// After this long a loader's claim is not renewed any more; 60 s by default.
    public var maximumLoad: Duration = .seconds(60)
    /// How long a caller waits for another's load before it loads by itself.
    ///
    /// `nil`, the default, is twice the claim's life: who waits outlasts the claim of a loader that has died, and the load
    /// of the one that comes after it.
    public var waitForLoad: Duration?
    /// Whether a load goes on when no caller waits for it any more, so that its value is stored; `false` by default.
    ///
    /// In any case it goes on while a caller of this process waits, whichever caller began it. It is cancelled after
    /// `maximumLoad` at the latest.
    public var completesLoads = false
    /// How many loads of one cache run at once in this process while the cache cannot be used, or entries are closed; 64 by
    /// default.
    ///
    /// A caller beyond waits for as long as for another's load, then gets a ``OxbowError`` with `tooManyLoads`, and at once
    /// when 16 wait for each place already, and 1024 in all: raise it if the database bears more. Loads within a loader do not wait.
    public var maximumConcurrentLoads = 64
    /// Bounds each command on the way of a cache read: the look and the claim, then the loader runs; and the storing.
    ///
    /// 500 ms by default.
    public var softTimeout: Duration = .milliseconds(500)
    /// By how many percent at most a stored life is shorter than asked for, so that entries stored together do not
    /// expire together; drawn anew for each.
    ///
    /// 5 by default, 0 for exact lives.
    public var jitterPercent = 5
    /// How eagerly a value is loaded anew before it expires: the factor beta of XFetch (Vattani, Chierichetti and
    /// Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
    ///
    /// 0, the default: never; 1 is usual. The caller gets the old value at once; what a load takes is measured.
    public var earlyRefreshFactor = 0.0
    /// How long behind its expiry a value is still served while it is loaded anew, or when that fails; 0, the default:
    /// not at all.
    ///
    /// What has been invalidated is never served.
    public var staleFor: Duration = .zero
    /// The largest value that is stored, before compression; 16 MiB by default.
    public var maximumValueBytes = 16 * 1024 * 1024
    /// Which values are compressed; none by default.
    public var compression = CompressionConfiguration()
    /// How long an entry, or a group, takes no value after its invalidation; `nil`, the default: not at all.
    ///
    /// For databases whose replicas lag: what is loaded meanwhile may be older than the change, and is not stored. The same
    /// on all servers.
    public var holdOff: Duration?
    /// How many invalidations that could not be carried out are remembered; 10 000 by default.
    ///
    /// A cache whose invalidation finds no room is read past until all its entries have been removed.
    public var journalEntries = 10_000
    /// The most bytes that the journal takes, and as many again what is remembered of invalidations that were carried out;
    /// 16 MiB by default.
    public var journalBytes = 16 * 1024 * 1024
    /// How long an invalidation that was carried out is remembered, to be repeated when a master's data goes back in time (a
    /// restart, a failover, a restored backup); 600 s by default.
    ///
    /// As many as ``journalEntries`` are remembered. When the data goes back further, the caches on that master are emptied.
    /// 0 turns the watch over the masters off.
    public var journalReplay: Duration = .seconds(600)
    /// Whether request scopes (``Oxbow/withRequestScope(_:)``) remember what is read; `true` by default.
    public var usesRequestScope = true
    /// The most entries one request scope remembers; 10 000 by default.
    public var requestScopeEntries = 10_000
    /// The most bytes that one request scope remembers, encoded values and keys together; 64 MiB by default.
    ///
    /// A value that a loader has just brought counts as much as the cache's values do on average.
    public var requestScopeBytes = 64 * 1024 * 1024

    /// With so many looks at one entry on their way from this process, further callers share one.
    package var looksAtOnce = 4

    /// The defaults named at each property.
    public init() {}

    var longestWait: Duration { self.waitForLoad ?? self.claimLife * 2 }

    /// Whether a value may be old and there.
    var refreshes: Bool { self.earlyRefreshFactor > 0 || self.staleFor > .zero }

    /// A life as it is stored: shorter by up to `jitterPercent`.
    func jittered(_ life: Duration) -> Duration {
        self.jitterPercent == 0 ? life : life * (1 - Double.random(in: 0...Double(self.jitterPercent) / 100))
    }
}

extension CacheConfiguration {
    func with(_ options: CacheOptions) -> CacheConfiguration {
        var cache = self
        cache.timeToLive = options.timeToLive ?? cache.timeToLive
        cache.absentTimeToLive = options.absentTimeToLive ?? cache.absentTimeToLive
        cache.compression = options.compression ?? cache.compression
        cache.jitterPercent = options.jitterPercent ?? cache.jitterPercent
        cache.softTimeout = options.softTimeout ?? cache.softTimeout
        cache.earlyRefreshFactor = options.earlyRefreshFactor ?? cache.earlyRefreshFactor
        cache.staleFor = options.staleFor ?? cache.staleFor
        cache.claimLife = options.claimLife ?? cache.claimLife
        cache.maximumLoad = options.maximumLoad ?? cache.maximumLoad
        cache.waitForLoad = options.waitForLoad ?? cache.waitForLoad
        cache.maximumConcurrentLoads = options.maximumConcurrentLoads ?? cache.maximumConcurrentLoads
        cache.maximumValueBytes = options.maximumValueBytes ?? cache.maximumValueBytes
        cache.usesRequestScope = options.usesRequestScope ?? cache.usesRequestScope
        if let holdOff = options.holdOff { cache.holdOff = holdOff == .zero ? nil : holdOff }
        return cache
    }
}

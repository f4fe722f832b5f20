import Synchronization

/// What one cache has done in this process since it was made.
public struct CacheStatistics: Sendable, Hashable {
    /// Values (or known absences) that a caller's first look at the shared cache found.
    ///
    /// A call, or a key of a bulk call, is counted once: as a hit or as a miss, whatever it does afterwards. It is neither when it
    /// shares another caller's look, the store does not answer, or the cache is not asked.
    public var hits: UInt64
    /// First looks at the shared cache that found nothing to use.
    public var misses: UInt64
    /// Values found in the request scope.
    public var scopeHits: UInt64
    /// Loaders run.
    public var loads: UInt64
    /// Callers that got the value of another caller's load, or read.
    public var joins: UInt64
    /// Values loaded anew before they were gone.
    public var refreshes: UInt64
    /// Such loads that failed; the old value stays for a while.
    public var failedRefreshes: UInt64
    /// Values not stored because the entry was invalidated, or the claim ended, while they were loaded.
    public var refusedFills: UInt64
    /// Values not stored because the store failed, or they were too large or could not be encoded.
    public var failedFills: UInt64
    /// Cells that held what this cache cannot use: a miss, and replaced by what is loaded.
    public var unusable: UnusableStatistics
    /// Reads and claims that the store did not answer in time, or refused.
    public var storeFailures: UInt64
}

/// Why cells could not be used.
public struct UnusableStatistics: Sendable, Hashable {
    /// Bytes that this library has not written, or a later version of it.
    public var foreign: UInt64
    /// Bytes cut short or changed: the checksum, the length or the kind is not right.
    public var damaged: UInt64
    /// Keys of another type, such as a list.
    public var wrongType: UInt64
    /// Values that are longer than `maximumValueBytes`, inflated.
    public var tooLarge: UInt64
    /// Values that could not be inflated, or that the codec refused.
    public var undecodable: UInt64

    /// All of them.
    public var total: UInt64 { self.foreign + self.damaged + self.wrongType + self.tooLarge + self.undecodable }
}

/// Why a cell cannot be used.
@usableFromInline
enum UnusableCause: Sendable { case foreign, damaged, wrongType, tooLarge, undecodable }

/// The counters behind ``CacheStatistics``.
@usableFromInline
final class CacheCounters: Sendable {
    let hits = Atomic<UInt64>(0)
    let misses = Atomic<UInt64>(0)
    let scopeHits = Atomic<UInt64>(0)
    let loads = Atomic<UInt64>(0)
    let joins = Atomic<UInt64>(0)
    let refreshes = Atomic<UInt64>(0)
    let failedRefreshes = Atomic<UInt64>(0)
    let refusedFills = Atomic<UInt64>(0)
    let failedFills = Atomic<UInt64>(0)
    private let foreign = Atomic<UInt64>(0)
    private let damaged = Atomic<UInt64>(0)
    private let wrongType = Atomic<UInt64>(0)
    private let tooLarge = Atomic<UInt64>(0)
    private let undecodable = Atomic<UInt64>(0)
    let storeFailures = Atomic<UInt64>(0)
    let limits: CacheLimits

    init(_ limits: CacheLimits) { self.limits = limits }

    @usableFromInline
    func noteScopeHit() { self.scopeHits.increment() }

    @usableFromInline
    func noteHit() { self.hits.increment() }

    @usableFromInline
    func noteMiss() { self.misses.increment() }

    @usableFromInline
    func noteUnusable(_ cause: UnusableCause) {
        switch cause {
        case .foreign: self.foreign.increment()
        case .damaged: self.damaged.increment()
        case .wrongType: self.wrongType.increment()
        case .tooLarge:
            self.tooLarge.increment()
            self.limits.note(.valueBytes)
        case .undecodable: self.undecodable.increment()
        }
    }

    var statistics: CacheStatistics {
        CacheStatistics(
            hits: self.hits.load(ordering: .relaxed),
            misses: self.misses.load(ordering: .relaxed),
            scopeHits: self.scopeHits.load(ordering: .relaxed),
            loads: self.loads.load(ordering: .relaxed),
            joins: self.joins.load(ordering: .relaxed),
            refreshes: self.refreshes.load(ordering: .relaxed),
            failedRefreshes: self.failedRefreshes.load(ordering: .relaxed),
            refusedFills: self.refusedFills.load(ordering: .relaxed),
            failedFills: self.failedFills.load(ordering: .relaxed),
            unusable: UnusableStatistics(
                foreign: self.foreign.load(ordering: .relaxed),
                damaged: self.damaged.load(ordering: .relaxed),
                wrongType: self.wrongType.load(ordering: .relaxed),
                tooLarge: self.tooLarge.load(ordering: .relaxed),
                undecodable: self.undecodable.load(ordering: .relaxed)
            ),
            storeFailures: self.storeFailures.load(ordering: .relaxed)
        )
    }
}

extension Atomic<UInt64> {
    func increment(by count: UInt64 = 1) { self.wrappingAdd(count, ordering: .relaxed) }
}

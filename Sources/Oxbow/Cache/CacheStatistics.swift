import Synchronization

/// What one cache has done in this process since it was made.
public struct CacheStatistics: Sendable, Hashable {
    /// Values (or known absences) found in the shared cache.
    public var hits: UInt64
    /// Looks at the shared cache that found nothing to use.
    public var misses: UInt64
    /// Values found in the request scope.
    public var scopeHits: UInt64
    /// Loaders run.
    public var loads: UInt64
    /// Callers that got the value of another caller's load.
    public var joins: UInt64
    /// Values loaded anew before they were gone.
    public var refreshes: UInt64
    /// Such loads that failed; the old value stays for a while.
    public var failedRefreshes: UInt64
    /// Values not stored because the entry was invalidated, or the claim ended, while they were loaded.
    public var refusedFills: UInt64
    /// Values not stored because the store failed, or they were too large or could not be encoded.
    public var failedFills: UInt64
    /// Cells that held bytes this cache cannot use.
    public var unusable: UInt64
    /// Reads and claims that the store did not answer in time, or refused.
    public var storeFailures: UInt64
}

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
    let unusable = Atomic<UInt64>(0)
    let storeFailures = Atomic<UInt64>(0)

    @usableFromInline
    func noteScopeHit() { self.scopeHits.increment() }

    @usableFromInline
    func noteHit() { self.hits.increment() }

    @usableFromInline
    func noteMiss(isUnusable: Bool) {
        self.misses.increment()
        if isUnusable { self.unusable.increment() }
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
            unusable: self.unusable.load(ordering: .relaxed),
            storeFailures: self.storeFailures.load(ordering: .relaxed)
        )
    }
}

extension Atomic<UInt64> {
    func increment(by count: UInt64 = 1) { self.wrappingAdd(count, ordering: .relaxed) }
}

import Synchronization

/// What all handles of one cache in this process share: its loads, its counters, and a number that names it.
@usableFromInline
final class CacheShared<Value: Sendable>: Sendable {
    let id = CacheIdentity.next()
    let loads = LoadTable<Value>()
    /// The claims on their way, and what they have found in their cells.
    let claims = LoadTable<CellContent>()
    /// The cells that this process loads anew.
    let refreshing = Mutex<Set<CellAddress>>([])
    let counters = CacheCounters()
    /// The loads without a claim.
    let limit: LoadLimit

    init(maximumConcurrentLoads: Int) { self.limit = LoadLimit(maximum: maximumConcurrentLoads) }
}

/// Numbers that tell the caches of one process apart.
enum CacheIdentity {
    private static let last = Atomic<UInt64>(0)
    static func next() -> UInt64 { self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}

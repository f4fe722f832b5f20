import Synchronization

/// What all handles of one cache in this process share: its loads, its counters, and a number that names it.
@usableFromInline
final class CacheShared<Value: Sendable>: Sendable {
    let id = CacheIdentity.next()
    let loads = LoadTable<Value>()
    /// The loads without a claim.
    let unclaimed = CellTurns { Flight<Value>() }
    /// The claims on their way, and what they have found in their cells.
    let claims = CellTurns { Flight<CellContent>() }
    /// The reads that are shared because many want the same cell.
    let reads = CellTurns { SharedRead<Value>() }
    @usableFromInline let looks: LookCount
    /// The cells that this process loads anew.
    let refreshing = Mutex<Set<CellAddress>>([])
    let counters: CacheCounters
    /// The places for loads without a claim.
    let line = PlaceLine()

    init(looksAtOnce: Int, limits: CacheLimits) {
        self.looks = LookCount(most: looksAtOnce)
        self.counters = CacheCounters(limits)
    }
}

/// Numbers that tell the caches of one process apart.
enum CacheIdentity {
    private static let last = Atomic<UInt64>(0)
    static func next() -> UInt64 { self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}

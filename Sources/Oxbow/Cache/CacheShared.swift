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
    /// The average size of recent values.
    let valueBytes = AverageSize()
    /// The places for loads without a claim.
    let line = PlaceLine()

    init(looksAtOnce: Int, limits: CacheLimits) {
        self.looks = LookCount(most: looksAtOnce)
        self.counters = CacheCounters(limits)
    }
}

/// A moving average of sizes in bytes, over some eight of them.
///
/// Two sizes noted at the same moment may count as one.
final class AverageSize: Sendable {
    private let average = Atomic<Int>(0)

    var value: Int { self.average.load(ordering: .relaxed) }

    func note(_ size: Int) {
        let last = self.value
        self.average.store(last == 0 ? size : last + (size - last) / 8, ordering: .relaxed)
    }
}

/// Numbers that tell the caches of one process apart.
enum CacheIdentity {
    private static let last = Atomic<UInt64>(0)
    static func next() -> UInt64 { self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}

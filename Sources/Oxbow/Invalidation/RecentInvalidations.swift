/// What was invalidated in the last seconds: bounded, the newest of each target.
struct RecentInvalidations {
    private let maximumEntries: Int
    private let window: Duration
    private var times: [InvalidationJournal.Target: (cache: CellName, time: ContinuousClock.Instant)] = [:]
    /// In the order of time, with some that have come again since.
    private var order: [(target: InvalidationJournal.Target, time: ContinuousClock.Instant)] = []
    private var oldest = 0
    /// When the masters were last seen to be the known ones: from there on backwards the window counts.
    private var lastSighting: ContinuousClock.Instant?
    /// Caches of which something was dropped for want of room, and when that was.
    private var dropped: [CellName: ContinuousClock.Instant] = [:]

    init(maximumEntries: Int, window: Duration) {
        self.maximumEntries = maximumEntries
        self.window = window
    }

    mutating func add(_ target: InvalidationJournal.Target, of cache: CellName, at now: ContinuousClock.Instant) {
        guard self.window > .zero else { return }
        self.times[target] = (cache, now)
        self.order.append((target, now))
        self.expire(at: now)
        while self.times.count > self.maximumEntries, self.oldest < self.order.count {
            if let lost = self.dropOldest() { self.dropped[lost] = now }
        }
        if self.order.count > 4 * (self.times.count + 16) { self.compact() }
    }

    /// What is still within the window; and the caches of which that is not all.
    mutating func all(at now: ContinuousClock.Instant) -> ([(InvalidationJournal.Target, CellName)], [CellName]) {
        self.expire(at: now)
        return (self.times.map { ($0.key, $0.value.cache) }, Array(self.dropped.keys))
    }

    /// The masters are the known ones.
    mutating func noteSighting(at now: ContinuousClock.Instant) { self.lastSighting = now }

    /// Of a cache more than is remembered may be undone.
    mutating func noteDropped(_ cache: CellName, at now: ContinuousClock.Instant) {
        if self.window > .zero { self.dropped[cache] = now }
    }

    private mutating func expire(at time: ContinuousClock.Instant) {
        // An outage, at whose end there may be another master, must not eat up the window.
        let now = min(time, self.lastSighting ?? time)
        while self.oldest < self.order.count, self.order[self.oldest].time + self.window < now { self.dropOldest() }
        if !self.dropped.isEmpty { self.dropped = self.dropped.filter { $0.value + self.window >= now } }
    }

    /// - Returns: the cache of what is not remembered any more; `nil` if it has come again since.
    @discardableResult
    private mutating func dropOldest() -> CellName? {
        let (target, time) = self.order[self.oldest]
        self.oldest += 1
        guard let entry = self.times[target], entry.time == time else { return nil }
        self.times[target] = nil
        return entry.cache
    }

    private mutating func compact() {
        self.order = self.order[self.oldest...].filter { self.times[$0.target]?.time == $0.time }
        self.oldest = 0
    }
}

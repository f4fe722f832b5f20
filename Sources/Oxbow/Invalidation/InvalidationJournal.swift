import CoreMetrics
import RedisClient
import Synchronization

/// The invalidations that this process still owes the store, and those that a failover may undo.
///
/// An entry that stands in here is not read from the cache: its cell may hold what has been invalidated. Bounded: a cache
/// whose invalidation finds no room is read past as a whole until it has been emptied. A crash of the process loses it.
final class InvalidationJournal: Sendable {
    /// What an invalidation is about.
    enum Target: Hashable, Sendable {
        case cell(CellAddress)
        case group(CellName)
    }

    private struct State {
        /// What is owed, with a number that a later invalidation of the same changes.
        var pending: [Target: (cache: CellName, number: UInt64)] = [:]
        /// Caches, by the prefix of their keys, of which too much is owed.
        var bypassed: [CellName: UInt64] = [:]
        var recent: RecentInvalidations
        /// The masters that were there the last time.
        var masters: Set<String> = []
        var lastNumber: UInt64 = 0
        var statistics = InvalidationJournalStatistics()

        mutating func nextNumber() -> UInt64 {
            self.lastNumber += 1
            return self.lastNumber
        }

        mutating func owe(_ target: Target, of cache: CellName, atMost maximum: Int) {
            let number = self.nextNumber()
            if self.bypassed[cache] != nil {
                self.bypassed[cache] = number
            } else if self.pending[target] != nil || self.pending.count < maximum {
                self.pending[target] = (cache, number)
            } else {
                self.bypass(cache, number)
            }
        }

        /// What is owed of the cache is part of the whole from here on.
        mutating func bypass(_ cache: CellName, _ number: UInt64) {
            self.bypassed[cache] = number
            self.pending = self.pending.filter { $0.value.cache != cache }
        }

        /// Owes all that a failover may have undone.
        ///
        /// What is being carried out at this moment may be so on the old master: it gets a new number.
        mutating func repeatAll(at now: ContinuousClock.Instant, atMost maximum: Int) {
            self.statistics.failovers += 1
            let number = self.nextNumber()
            self.pending = self.pending.mapValues { ($0.cache, number) }
            let (recent, forgotten) = self.recent.all(at: now)
            for cache in forgotten + self.bypassed.keys { self.bypass(cache, self.nextNumber()) }
            for (target, cache) in recent { self.owe(target, of: cache, atMost: maximum) }
        }

        var isQuiet: Bool { self.pending.isEmpty && self.bypassed.isEmpty }
    }

    private let state: Mutex<State>
    private let maximumEntries: Int
    private let metrics: JournalMetrics
    /// Whether nothing is owed: all that a read asks in good times.
    private let quiet = Atomic<Bool>(true)
    /// Whether masters are asked: for failovers, or for their time.
    private let watching: Atomic<Bool>
    private let signals = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - maximumEntries: what may be owed, and what is remembered for a failover.
    ///   - window: for how long an invalidation that was carried out may be undone by a failover.
    ///   - metricsPrefix: what the gauges' names begin with.
    ///   - metrics: where they go.
    init(
        maximumEntries: Int,
        window: Duration,
        metricsPrefix: String = "redis",
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.maximumEntries = maximumEntries
        self.watching = Atomic(window > .zero)
        self.metrics = JournalMetrics(prefix: metricsPrefix, metrics)
        self.state = Mutex(State(recent: RecentInvalidations(maximumEntries: maximumEntries, window: window)))
    }

    convenience init(_ configuration: OxbowConfiguration) {
        self.init(
            maximumEntries: configuration.cache.journalEntries,
            window: configuration.cache.journalReplay,
            metricsPrefix: configuration.redis.metricsPrefix
        )
    }

    // MARK: Invalidations

    /// An invalidation was not carried out.
    func add(_ target: Target, of cache: CellName) {
        self.change { state in
            state.owe(target, of: cache, atMost: self.maximumEntries)
            state.statistics.journaled += 1
        }
    }

    /// How often a failover was noticed: to be asked before an invalidation is sent.
    var failovers: UInt64 { self.state.withLock { $0.statistics.failovers } }

    /// An invalidation was carried out.
    ///
    /// `failovers` is what ``failovers`` was before it was sent: if there was one since, nobody knows which master has
    /// carried it out.
    ///
    /// - Returns: whether it is certain, and not owed.
    @discardableResult
    func noteApplied(
        _ target: Target,
        of cache: CellName,
        since failovers: UInt64,
        at now: ContinuousClock.Instant = .now
    ) -> Bool {
        let isCertain = self.state.withLock { state in
            guard state.statistics.failovers == failovers else { return false }
            state.recent.add(target, of: cache, at: now)
            return true
        }
        if !isCertain { self.change { $0.owe(target, of: cache, atMost: self.maximumEntries) } }
        return isCertain
    }

    /// The masters as they are now.
    ///
    /// One that was not there the last time owes the last invalidations: the first ones seen do not.
    func note(_ masters: MasterSighting, at now: ContinuousClock.Instant = .now) {
        if masters.identities.isEmpty { return }
        self.change { state in
            let isKnown = state.masters.isEmpty || state.masters.isSuperset(of: masters.identities)
            // Who does not answer may come back as what it was.
            state.masters = masters.isComplete ? masters.identities : state.masters.union(masters.identities)
            if !isKnown { state.repeatAll(at: now, atMost: self.maximumEntries) }
            if masters.isComplete { state.recent.noteSighting(at: now) }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let isQuiet = self.state.withLock { state in
            body(&state)
            self.metrics.record(pending: state.pending.count, bypassed: state.bypassed.count)
            self.quiet.store(state.isQuiet, ordering: .releasing)
            return state.isQuiet
        }
        if !isQuiet { self.signals.continuation.yield() }
    }

    // MARK: Reads

    var isQuiet: Bool { self.quiet.load(ordering: .acquiring) }

    /// Whether a cell may hold what was invalidated.
    func covers(_ cell: CellAddress, of cache: CellName) -> Bool {
        if self.isQuiet { return false }
        return self.state.withLock { state in
            state.pending[.cell(cell)] != nil || state.bypassed[cache] != nil
                || cell.field != nil && state.pending[.group(cell.key)] != nil
        }
    }

    var statistics: InvalidationJournalStatistics {
        self.state.withLock { state in
            var statistics = state.statistics
            statistics.pending = state.pending.count
            statistics.bypassedCaches = state.bypassed.count
            return statistics
        }
    }

    var knowsMasters: Bool { self.state.withLock { !$0.masters.isEmpty } }

    // MARK: Replay

    var isWatching: Bool { self.watching.load(ordering: .relaxed) }

    /// Has the masters asked also where no failover matters: it is how the servers' time is known.
    func keepServerTime() { self.watching.store(true, ordering: .relaxed) }

    /// Tells that there is something to do.
    var work: AsyncStream<Void> { self.signals.stream }

    /// What is owed, each with the number to hand to ``settle(_:_:of:)``.
    var owed: (targets: [(target: Target, cache: CellName, number: UInt64)], caches: [(CellName, UInt64)]) {
        self.state.withLock { state in
            (state.pending.map { ($0.key, $0.value.cache, $0.value.number) }, state.bypassed.map { ($0.key, $0.value) })
        }
    }

    /// An invalidation was carried out that began when this number was the last.
    func settle(_ target: Target, _ number: UInt64, of cache: CellName) {
        self.change { state in
            if state.pending[target]?.number == number { state.pending[target] = nil }
            state.recent.add(target, of: cache, at: .now)
            state.statistics.replayed += 1
        }
    }

    /// A cache was emptied, from a moment on when this number was the last.
    func settle(_ cache: CellName, _ number: UInt64) {
        self.change { state in
            guard state.bypassed[cache] == number else { return }
            state.bypassed[cache] = nil
            // A failover may bring all of it back.
            state.recent.noteDropped(cache, at: .now)
        }
    }
}

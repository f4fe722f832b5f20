import CoreMetrics
import RedisClient
import Synchronization

/// The invalidations that this process still owes the store, and those that it may have to repeat.
///
/// An entry in here is not read from the cache: its cell may hold what has been invalidated. Neither is a cell on a master
/// whose data may have gone back in time. Bounded: a cache whose invalidation finds no room is read past as a whole until
/// it has been emptied. A crash of the process loses the journal.
final class InvalidationJournal: Sendable {
    /// What an invalidation is about.
    enum Target: Hashable, Sendable {
        case cell(CellAddress)
        case group(CellName)

        var key: CellName {
            switch self {
            case .cell(let cell): cell.key
            case .group(let key): key
            }
        }
    }

    /// Where cells are; memory is one place that never fails.
    struct Places: Sendable {
        var slot: @Sendable (CellName) -> Int = { _ in 0 }
        /// The master that serves a slot; `nil` while it is not known.
        var master: @Sendable (Int) -> RedisAddress? = { _ in nil }
    }

    private struct State {
        /// What is owed, with a number that a later invalidation of the same changes.
        var pending: [Target: (cache: CellName, number: UInt64)] = [:]
        var pendingBytes = 0
        /// Caches, by the prefix of their keys, of which too much is owed.
        var bypassed: [CellName: UInt64] = [:]
        var recent: RecentInvalidations
        /// The masters whose data may have gone back in time, and until when their recovery counts as going on.
        var unsettled: Set<RedisAddress> = []
        var recoveringUntil: ContinuousClock.Instant?
        /// Counts the times at which a master became unsettled.
        var epoch: UInt64 = 0
        var lastNumber: UInt64 = 0
        var statistics = InvalidationJournalStatistics()

        mutating func nextNumber() -> UInt64 {
            self.lastNumber += 1
            return self.lastNumber
        }

        mutating func owe(_ target: Target, of cache: CellName, within limits: Limits) {
            let number = self.nextNumber()
            if self.bypassed[cache] != nil {
                self.bypassed[cache] = number
            } else if self.pending[target] != nil {
                self.pending[target] = (cache, number)
            } else if self.pending.count < limits.entries, self.pendingBytes + target.size <= limits.bytes {
                self.pending[target] = (cache, number)
                self.pendingBytes += target.size
            } else {
                self.bypassed[cache] = number
                // What is owed of the cache is part of the whole from here on.
                for target in self.pending.filter({ $0.value.cache == cache }).keys { self.remove(target) }
            }
        }

        mutating func remove(_ target: Target) {
            if self.pending.removeValue(forKey: target) != nil { self.pendingBytes -= target.size }
        }

        var isQuiet: Bool { self.pending.isEmpty && self.bypassed.isEmpty && self.unsettled.isEmpty }
    }

    /// The most that is owed, and the most that is remembered of what was carried out.
    struct Limits: Sendable {
        var entries: Int
        var bytes: Int
    }

    private let state: Mutex<State>
    private let limits: Limits
    private let places: Places
    private let metrics: JournalMetrics
    /// Whether nothing is owed and all masters are settled: all that a read asks in good times.
    private let quiet = Atomic<Bool>(true)
    private let signals = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// What a master that went back in time may have opened.
    let runningUpdates = RunningUpdates()
    private let emptyingSignals = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - limits: what may be owed, and what is remembered.
    ///   - window: how long an invalidation that was carried out is remembered; zero: not at all.
    ///   - places: where cells are.
    ///   - metricsPrefix: the gauges' names begin with it.
    ///   - metrics: where they go.
    init(
        limits: Limits,
        window: Duration,
        places: Places = Places(),
        metricsPrefix: String = "redis",
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.limits = limits
        self.places = places
        self.metrics = JournalMetrics(prefix: metricsPrefix, metrics)
        let recent = RecentInvalidations(maximumEntries: limits.entries, maximumBytes: limits.bytes, window: window)
        self.state = Mutex(State(recent: recent))
    }

    convenience init(_ configuration: OxbowConfiguration, places: Places = Places()) {
        self.init(
            limits: Limits(entries: configuration.cache.journalEntries, bytes: configuration.cache.journalBytes),
            window: configuration.cache.journalReplay,
            places: places,
            metricsPrefix: configuration.redis.metricsPrefix
        )
    }

    // MARK: Invalidations

    /// An invalidation was not carried out.
    func add(_ target: Target, of cache: CellName) {
        self.change { state in
            state.owe(target, of: cache, within: self.limits)
            state.statistics.journaled += 1
        }
    }

    /// How often a master became unsettled: to be asked before an invalidation is sent.
    var epoch: UInt64 { self.state.withLock { $0.epoch } }

    /// An invalidation was carried out.
    ///
    /// `epoch` is what ``epoch`` was before it was sent: if a master became unsettled since, which one has carried it out, and
    /// in which state, is not known.
    ///
    /// - Returns: whether it is certain, and not owed.
    @discardableResult
    func noteApplied(
        _ target: Target,
        of cache: CellName,
        since epoch: UInt64,
        at now: ContinuousClock.Instant = .now
    ) -> Bool {
        let slot = self.places.slot(target.key)
        let isCertain = self.state.withLock { state in
            guard state.epoch == epoch else { return false }
            state.recent.add(target, of: cache, slot: slot, at: now)
            return true
        }
        if !isCertain { self.change { $0.owe(target, of: cache, within: self.limits) } }
        return isCertain
    }

    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        let (result, hasPending, hasBypassed) = self.state.withLock { state in
            let result = body(&state)
            self.metrics.record(pending: state.pending.count, bypassed: state.bypassed.count)
            self.quiet.store(state.isQuiet, ordering: .releasing)
            return (result, !state.pending.isEmpty, !state.bypassed.isEmpty)
        }
        if hasPending { self.signals.continuation.yield() }
        if hasBypassed { self.emptyingSignals.continuation.yield() }
        return result
    }

    // MARK: Reads

    /// Whether every cell may be read.
    var isQuiet: Bool { self.quiet.load(ordering: .acquiring) }

    /// Whether a cell may hold what was invalidated.
    func covers(_ cell: CellAddress, of cache: CellName) -> Bool {
        if self.isQuiet { return false }
        let (isOwed, unsettled) = self.state.withLock { state in
            let isOwed =
                state.pending[.cell(cell)] != nil || state.bypassed[cache] != nil
                || cell.field != nil && state.pending[.group(cell.key)] != nil
            return (isOwed, state.unsettled)
        }
        if isOwed || unsettled.isEmpty { return isOwed }
        // Where the master is not known, it may be that one.
        return self.places.master(self.places.slot(cell.key)).map(unsettled.contains) ?? true
    }

    /// Whether cells are read past only because a master that answers is being looked after: no reason to spare the database.
    var isRecovering: Bool {
        self.state.withLock { state in
            state.pending.isEmpty && state.bypassed.isEmpty && state.recoveringUntil.map { $0 > .now } ?? false
        }
    }

    var statistics: InvalidationJournalStatistics {
        self.state.withLock { state in
            var statistics = state.statistics
            statistics.pending = state.pending.count
            statistics.bypassedCaches = state.bypassed.count
            statistics.recoveringMasters = state.unsettled.count
            return statistics
        }
    }

    // MARK: Masters

    /// These masters' data may have gone back in time.
    ///
    /// What is being carried out at this moment may be so on an old master: it is owed once more.
    func setUnsettled(_ masters: Set<RedisAddress>) {
        self.change { state in
            if !masters.isSubset(of: state.unsettled) {
                state.epoch += 1
                let number = state.nextNumber()
                state.pending = state.pending.mapValues { ($0.cache, number) }
                state.bypassed = state.bypassed.mapValues { _ in number }
            }
            state.unsettled = masters
            if masters.isEmpty { state.recoveringUntil = nil }
        }
    }

    /// A master that is being looked after has answered.
    func noteRecovery(at now: ContinuousClock.Instant = .now) {
        self.state.withLock { $0.recoveringUntil = now + .seconds(2) }
    }

    /// Owes all that was carried out on a master since a moment, and may be undone there.
    ///
    /// - Parameters:
    ///   - slots: those that the master serves, as it says itself; `nil` for all.
    ///   - moment: `nil` for all that is remembered.
    /// - Returns: whether that is all there was.
    func repeatInvalidations(in slots: Set<Int>?, since moment: ContinuousClock.Instant?) -> Bool {
        self.change { state in
            state.statistics.failovers += 1
            let (targets, isComplete) = state.recent.all(since: moment) { slots?.contains($0) ?? true }
            for (target, cache) in targets { state.owe(target, of: cache, within: self.limits) }
            return isComplete
        }
    }

    /// Whether invalidations of cells in some slots are owed; `nil` for all.
    func owes(in slots: Set<Int>?) -> Bool {
        let keys = self.state.withLock { state in state.pending.keys.map(\.key) }
        return keys.contains { slots?.contains(self.places.slot($0)) ?? true }
    }

    /// The caches on a master were emptied.
    func noteEmptied() { self.state.withLock { $0.statistics.emptiedMasters += 1 } }

    // MARK: Replay

    /// Signals that invalidations are owed.
    var work: AsyncStream<Void> { self.signals.stream }

    /// Signals that caches are to be emptied.
    var emptyings: AsyncStream<Void> { self.emptyingSignals.stream }

    /// What is owed, each with the number to hand to ``settle(_:_:of:)``.
    var owed: [(target: Target, cache: CellName, number: UInt64)] {
        self.state.withLock { $0.pending.map { ($0.key, $0.value.cache, $0.value.number) } }
    }

    /// The caches that are to be emptied, each with the number to hand to ``settle(_:_:)``.
    var bypassed: [(cache: CellName, number: UInt64)] {
        self.state.withLock { $0.bypassed.map { ($0.key, $0.value) } }
    }

    /// Whether no single invalidation is owed.
    var owesNothing: Bool { self.state.withLock { $0.pending.isEmpty } }

    /// An invalidation was carried out that began when this number was the last.
    func settle(_ target: Target, _ number: UInt64, of cache: CellName, at now: ContinuousClock.Instant = .now) {
        let slot = self.places.slot(target.key)
        self.change { state in
            if state.pending[target]?.number == number { state.remove(target) }
            state.recent.add(target, of: cache, slot: slot, at: now)
            state.statistics.replayed += 1
        }
    }

    /// A cache was emptied, from a moment on when this number was the last.
    func settle(_ cache: CellName, _ number: UInt64, at now: ContinuousClock.Instant = .now) {
        self.change { state in
            guard state.bypassed[cache] == number else { return }
            state.bypassed[cache] = nil
            // Which entries those were is not known: a master that goes back in time is emptied.
            state.recent.noteForgotten(at: now)
        }
    }
}

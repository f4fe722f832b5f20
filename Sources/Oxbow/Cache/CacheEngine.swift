import Logging
import NIOCore
import Synchronization

/// The cell protocol for one cache: look, claim, load, fill, share, wait.
///
/// Knows neither keys nor Redis.
///
/// The rules, by number, are in the article "The cell protocol".
@usableFromInline
final class CacheEngine<Value: Sendable>: Sendable {
    @usableFromInline typealias Loader = @Sendable () async throws -> Value?

    /// How one call wants its value.
    @usableFromInline
    struct Request: Sendable {
        let cell: CellAddress
        /// `nil`: the cache's own.
        let timeToLive: Duration?
        /// Whether "known absent" is an answer.
        let acceptsAbsent: Bool

        @usableFromInline
        init(cell: CellAddress, timeToLive: Duration?, acceptsAbsent: Bool) {
            self.cell = cell
            self.timeToLive = timeToLive
            self.acceptsAbsent = acceptsAbsent
        }
    }

    @usableFromInline let store: any CacheStore
    @usableFromInline let coder: ValueCoder<Value>
    /// The settings as they are now.
    var configuration: CacheConfiguration { self.policy.current }
    private let policy: CachePolicy
    let shared: CacheShared<Value>
    /// The looks on their way.
    @usableFromInline let looks: LookCount
    @usableFromInline let counters: CacheCounters
    var loads: LoadTable<Value> { self.shared.loads }
    let storeMonitor: StoreMonitor
    let journal: InvalidationJournal
    let background: BackgroundWork
    /// What the keys of this cache begin with.
    let name: CellName

    init(
        shared: CacheShared<Value>,
        store: any CacheStore,
        coder: ValueCoder<Value>,
        policy: CachePolicy,
        storeMonitor: StoreMonitor,
        journal: InvalidationJournal,
        background: BackgroundWork,
        name: CellName
    ) {
        self.shared = shared
        self.counters = shared.counters
        self.looks = shared.looks
        self.store = store
        self.coder = coder
        self.policy = policy
        self.storeMonitor = storeMonitor
        self.journal = journal
        self.background = background
        self.name = name
    }

    /// Whether a cell may be read: not while an invalidation of it is owed.
    @usableFromInline
    func mayRead(_ cell: CellAddress) -> Bool { !self.journal.covers(cell, of: self.name) }

    /// What stands in the cell, decoded.
    @usableFromInline
    enum Look {
        case hit(Value?)
        /// A hit that should be loaded anew.
        case due(Value?, Envelope)
        case miss(CellContent)
    }

    func look(_ cell: CellAddress, acceptsAbsent: Bool) async throws -> Look {
        self.settled(try await self.store.read(cell), of: cell, acceptsAbsent: acceptsAbsent)
    }

    /// Interprets what stands in a cell when a caller looks again, who has been counted: a value is not due, since it has just
    /// been loaded, or is as good.
    func settled(_ content: CellContent, of cell: CellAddress, acceptsAbsent: Bool) -> Look {
        let look = self.interpret(content, of: cell, acceptsAbsent: acceptsAbsent)
        if case .due(let value, _) = look { return .hit(value) }
        return look
    }

    /// Interprets and counts a caller's first look.
    @inlinable
    func firstLook(_ content: CellContent, of cell: CellAddress, acceptsAbsent: Bool) -> Look {
        let look = self.interpret(content, of: cell, acceptsAbsent: acceptsAbsent)
        if case .miss = look { self.counters.noteMiss() } else { self.counters.noteHit() }
        return look
    }

    /// Interprets what was read from a cell.
    ///
    /// Meanwhile its master may have been replaced, or an invalidation of it journaled: then a value is passed over as if the
    /// cell were closed.
    @inlinable
    func interpret(_ content: CellContent, of cell: CellAddress, acceptsAbsent: Bool) -> Look {
        guard self.mayRead(cell) else { return .miss(.closed) }
        guard case .value(let envelope, let stored) = content else {
            if let cause = content.unusableCause { self.counters.noteUnusable(cause) }
            return .miss(content)
        }
        let age = envelope.expiry == 0 ? Age.fresh : self.age(of: envelope, in: stored)
        if age == .expired { return .miss(.unusable(stored)) }
        if envelope.kind == .absent, acceptsAbsent { return age == .due ? .due(nil, envelope) : .hit(nil) }
        if let value = self.coder.value(envelope) { return age == .due ? .due(value, envelope) : .hit(value) }
        if let cause = self.coder.cause(ofRefusing: envelope) { self.counters.noteUnusable(cause) }
        return .miss(.unusable(stored))
    }

    /// What follows a look that was no hit: the value of a load that is shared wherever the protocol allows it.
    ///
    /// `found` is what the caller saw in the cell; `nil` if the store did not answer.
    @usableFromInline
    func value(_ request: Request, after found: CellContent?, _ load: @escaping Loader) async throws -> Value? {
        let cell = request.cell
        // A loader that reads its own key loads past (rule 10): joining would be waiting for itself.
        if LoadingCells.contains(cell, of: self.shared.id) { return try await self.run(load, cell) }
        guard let found else { return try await self.loadUnclaimed(request, load, because: .storeIsAway) }
        let waitEnd = ContinuousClock.now + self.configuration.longestWait
        var known: CellContent? = found
        while true {
            let content: CellContent
            do {
                if let known {
                    content = known
                } else {
                    switch try await self.look(cell, acceptsAbsent: request.acceptsAbsent) {
                    case .hit(let value), .due(let value, _): return value
                    case .miss(let found): content = found
                    }
                }
            } catch {
                try self.noteStoreFailure(error)
                return try await self.loadUnclaimed(request, load, because: .storeIsAway)
            }
            known = nil

            switch content {
            case .absent, .unusable, .value:
                guard self.mayClaim else {
                    return try await self.loadUnclaimed(request, load, because: .cellIsTaken)
                }
                switch try await self.claimOnce(request, content) {
                case .won(let token, let flight): return try await self.lead(request, token, flight, load)
                case .lost(let found):
                    // Look again; what a lost claim brought along is a look already.
                    guard let found, found != .absent else { continue }
                    switch self.settled(found, of: cell, acceptsAbsent: request.acceptsAbsent) {
                    case .hit(let value), .due(let value, _): return value
                    case .miss(let content): known = content
                    }
                case .failed: return try await self.loadUnclaimed(request, load, because: .storeIsAway)
                }
            case .closed, .pass:
                return try await self.loadUnclaimed(request, load, because: .cellIsTaken)
            case .claim(let token):
                guard ContinuousClock.now < waitEnd else {
                    return try await self.loadUnclaimed(request, load, because: .waitedTooLong)
                }
                switch try await self.follow(request, token, until: waitEnd) {
                case .value(let value): return value
                case .changed(let content): known = content
                case .loadPast(let reason):
                    return try await self.loadUnclaimed(request, load, because: reason)
                }
            }
        }
    }

    /// Whether a claim could be filled: otherwise it would only make other readers wait.
    var mayClaim: Bool {
        if self.store.canFill { return !self.storeMonitor.refusesFills }
        self.storeMonitor.noteRefusal()
        return false
    }

    // MARK: Loading under a claim

    /// Has a value loaded under a claim, and waits for it.
    ///
    /// While an instance runs, the load has a task of its own, so that it survives this caller while others wait for it. The
    /// task is cancelled by ``LoadInterest`` when the last of them has gone; it inherits the caller's task-local values.
    private func lead(
        _ request: Request,
        _ token: Token,
        _ flight: Flight<Value>,
        _ load: @escaping Loader
    ) async throws -> Value? {
        guard let interest = flight.interest else {
            return try await self.loadAndFill(request, token, flight, load)
        }
        return try await self.surviving(interest) { try await self.loadAndFill(request, token, flight, load) }
    }

    /// Loads under a claim, hands the value to those who wait, and stores it if the claim is still there.
    private func loadAndFill(
        _ request: Request,
        _ token: Token,
        _ flight: Flight<Value>,
        _ load: @escaping Loader
    ) async throws -> Value? {
        defer { self.loads.remove(token) }
        let start = ContinuousClock.now
        let value: Value?
        do {
            value = try await self.run(load, request.cell, flight) { [store, configuration] in
                _ = try? await store.renew(request.cell, token, for: configuration.claimLife)
            }
        } catch {
            let isAbandoned = Self.isAbandoned(error)
            flight.interest?.complete()
            if isAbandoned {
                // Waiters read again and one of them leads: the claim must be on its way out of the cell by then.
                try? await self.store.release(request.cell, token)
                flight.finish(.abandoned)
            } else {
                flight.finish(.failed(error))
                try? await self.store.release(request.cell, token, leavingPassFor: Self.pass(after: start))
            }
            throw error
        }
        flight.interest?.complete()
        flight.finish(.value(value))
        await self.fill(request, token, value, since: start)
        return value
    }

    /// Stores a value under a claim; `start` is when its load began.
    private func fill(_ request: Request, _ token: Token, _ value: Value?, since start: ContinuousClock.Instant) async {
        do {
            if let life = self.life(of: value, request.timeToLive) {
                let loaded = if let value { try self.coder.envelope(value) } else { Envelope.knownAbsent }
                self.shared.valueBytes.note(loaded.length)
                let (envelope, cellLife) = self.stamped(loaded, for: life, cost: start.duration(to: .now))
                let stored = try await self.store.fill(request.cell, token, with: envelope, for: cellLife)
                if !stored { self.counters.refusedFills.increment() }
                return
            }
        } catch {
            self.noteFailedFill(error)
        }
        // The caller has its value; readers must not wait for each other where nothing can be stored.
        try? await self.store.release(request.cell, token, leavingPassFor: Self.pass(after: start))
    }

    /// How long readers load without a claim after a load whose value was not stored: as long as it took, from 10 ms to 1 s.
    static func pass(after start: ContinuousClock.Instant) -> Duration {
        min(.seconds(1), max(.milliseconds(10), start.duration(to: .now)))
    }

    /// Counts a value that could not be stored.
    func noteFailedFill(_ error: any Error, count: UInt64 = 1) {
        self.counters.failedFills.increment(by: count)
        self.storeMonitor.note(failedFill: error)
    }

    /// The interest in a load that begins now; `nil` where it runs in its caller's task: no instance runs.
    func newInterest() -> LoadInterest? {
        self.background.isOn ? LoadInterest(outlivesCallers: self.configuration.completesLoads) : nil
    }

    /// The TTL of a loaded value; `nil` for a known absence that is not stored.
    ///
    /// `timeToLive` is what the caller asked for.
    func life(of value: Value?, _ timeToLive: Duration?) -> Duration? {
        let configuration = self.configuration
        if value != nil { return timeToLive ?? configuration.timeToLive }
        let absent = configuration.absentTimeToLive
        return absent > .zero ? min(absent, timeToLive ?? absent) : nil
    }

    /// Counts a failed store; only the caller's own cancellation goes on as an error.
    @usableFromInline
    func noteStoreFailure(_ error: any Error) throws {
        if error is CancellationError { throw error }
        self.counters.storeFailures.increment()
        self.storeMonitor.note(error)
    }
}

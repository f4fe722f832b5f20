import Synchronization

/// Running loaders: with a claim's renewal beside them, or without a claim, one running and one coming for each key.
extension CacheEngine {
    /// Why a value is loaded without a claim.
    enum UnclaimedReason: Sendable {
        /// The store does not answer, or must not be read: the database is spared by a limit of loads.
        case storeIsAway
        /// The cell is closed, or has a pass mark; or another caller's load has no answer for this one.
        case cellIsTaken
        /// Another caller's load takes too long. The cell may have a value by now.
        case waitedTooLong
    }

    /// Loads without a claim: nothing is stored, and a load that runs already is not shared, because it may have begun
    /// before an invalidation this caller must see (rule 5).
    ///
    /// Waits for another's running or coming load for `waitForLoad` at most.
    func loadUnclaimed(_ request: Request, _ load: @escaping Loader, because reason: UnclaimedReason) async throws
        -> Value?
    {
        let cell = request.cell
        while true {
            // Before it can be seen: all loads that others wait for have a place, and go on.
            let place = try await self.place(for: reason)
            defer { place?.giveBack() }
            // A load that runs for longer counts as lost: the coming one starts beside it, and one more may come.
            let end = ContinuousClock.now + self.configuration.longestWait
            let own: Flight<Value>
            switch self.shared.unclaimed.turn(for: cell) {
            case .first(let flight):
                own = flight
            case .after(let running, let next):
                do {
                    _ = try await running.wait(until: end)
                } catch {
                    self.shared.unclaimed.withdraw(next, for: cell)
                    next.finish(.abandoned)
                    throw error
                }
                own = next
                // The look is the load's beginning: whoever comes behind it does not share what it finds.
                self.shared.unclaimed.start(own, for: cell)
                do {
                    if reason == .waitedTooLong, case .hit(let value)? = try await self.lookAgain(request) {
                        self.shared.unclaimed.end(own, for: cell)
                        own.finish(.value(value))
                        return value
                    }
                } catch {
                    self.shared.unclaimed.end(own, for: cell)
                    own.finish(.abandoned)
                    throw error
                }
            case .join(let coming):
                place?.giveBack()
                switch try await coming.wait(until: end) {
                case .value(let value):
                    self.counters.joins.increment()
                    if value != nil || request.acceptsAbsent { return value }
                    continue
                case .failed(let error): throw error
                case .abandoned: continue
                case .tooLong: continue
                }
            }
            defer { self.shared.unclaimed.end(own, for: cell) }
            do {
                let value = try await self.run(load, cell, own)
                own.finish(.value(value))
                return value
            } catch {
                own.finish(Self.isAbandoned(error) ? .abandoned : .failed(error))
                throw error
            }
        }
    }

    /// A place among the loads without a claim.
    ///
    /// None is needed within a load, which would wait for what waits for it; nor where the store is well and only this cell
    /// cannot be filled; nor while a master that answers is recovering.
    ///
    /// - Throws: ``OxbowError`` with `tooManyLoads`; `CancellationError`.
    func place(for reason: UnclaimedReason) async throws -> PlaceLine.Place? {
        if reason != .storeIsAway || LoadingCells.isLoading || self.journal.isRecovering { return nil }
        let configuration = self.configuration
        let maximum = configuration.maximumConcurrentLoads
        let end = ContinuousClock.now + configuration.longestWait
        if let place = try await self.shared.line.place(of: maximum, until: end) { return place }
        self.counters.limits.note(.loads)
        let message =
            "\(maximum) loads of this cache run already, and the cache cannot be used; "
            + "raise maximumConcurrentLoads if the database bears more"
        throw OxbowError(.tooManyLoads, message)
    }

    /// A look that a failing store makes none.
    private func lookAgain(_ request: Request) async throws -> Look? {
        guard self.mayRead(request.cell) else { return nil }
        do {
            return try await self.look(request.cell, acceptsAbsent: request.acceptsAbsent)
        } catch {
            try self.noteStoreFailure(error)
            return nil
        }
    }

    /// Whether a load ended with its task's cancellation, which is no answer for anybody else.
    static func isAbandoned(_ error: any Error) -> Bool { Task.isCancelled || error is CancellationError }

    func run(_ load: @escaping Loader, _ cell: CellAddress) async throws -> Value? {
        try await self.run(load, of: [cell])
    }

    /// Runs a loader of one cell's value, or of several cells' values.
    func run<Loaded>(_ load: () async throws -> Loaded, of cells: Set<CellAddress>) async throws -> Loaded {
        self.counters.loads.increment()
        return try await RequestScope.suspended { try await LoadingCells.with(cells, of: self.shared.id, load) }
    }

    func run(
        _ load: @escaping Loader,
        _ cell: CellAddress,
        _ flight: Flight<Value>,
        renew: @escaping @Sendable () async -> Void = {}
    ) async throws -> Value? {
        try await self.run(load, of: [cell], [flight], renew: renew)
    }

    /// Runs a loader; meanwhile renews what there is to renew, three times in a claim's life until `maximumLoad`, and lets
    /// waiters go whose time is over.
    func run<Loaded>(
        _ load: () async throws -> Loaded,
        of cells: Set<CellAddress>,
        _ flights: [Flight<Value>],
        renew: @escaping @Sendable () async -> Void = {}
    ) async throws -> Loaded {
        let renewal = self.configuration.claimLife / 3
        let end = ContinuousClock.now + self.configuration.maximumLoad
        return try await self.leading(flights, every: renewal) {
            if ContinuousClock.now < end {
                await renew()
            } else {
                for flight in flights { flight.interest?.cancelIfDeserted() }
            }
        } body: {
            try await self.run(load, of: cells)
        }
    }

    /// Waits for the end of another process's claim, for all callers of this process that have seen it (rule 4: the look
    /// behind it is behind theirs).
    ///
    /// - Returns: what stands in the cell then, or the claim itself when the time is over.
    func watch(
        _ request: Request,
        _ token: Token,
        _ flight: Flight<Value>,
        until end: ContinuousClock.Instant
    ) async -> Result<Look, any Error> {
        let outcome: LoadOutcome<Value>
        let result: Result<Look, any Error>
        do {
            let content = try await self.leading([flight]) {
                try await self.store.wait(request.cell, while: token, until: end)
            }
            let look = self.settled(content, of: request.cell, acceptsAbsent: request.acceptsAbsent)
            if case .hit(let value) = look { outcome = .value(value) } else { outcome = .abandoned }
            result = .success(look)
        } catch {
            outcome = .abandoned
            result = .failure(error)
        }
        self.loads.remove(token)
        // Those whose time is over as well need no further look.
        flight.expireWaiters(at: .now + Self.tick)
        flight.finish(outcome)
        return result
    }

    /// What came of following another's claim.
    enum Followed: Sendable {
        case value(Value?)
        /// The claim is gone, or the time is over: what stands in the cell, `nil` if nobody knows.
        case changed(CellContent?)
        /// There is nothing to wait for any more.
        case loadPast(UnclaimedReason)
    }

    /// Waits for the load behind a claim that the caller has seen in the cell: joins it if it runs in this process.
    ///
    /// - Throws: the error of the load; `CancellationError`.
    func follow(_ request: Request, _ token: Token, until end: ContinuousClock.Instant) async throws -> Followed {
        let (flight, isFirst) = self.loads.load(claimedBy: token)
        if isFirst {
            switch await self.watch(request, token, flight, until: end) {
            case .success(.hit(let value)), .success(.due(let value, _)): return .value(value)
            case .success(.miss(let content)): return .changed(content)
            case .failure(let error):
                try self.noteStoreFailure(error)
                return .loadPast(.storeIsAway)
            }
        }
        switch try await flight.wait(until: end) {
        case .value(let value):
            self.counters.joins.increment()
            return value != nil || request.acceptsAbsent ? .value(value) : .loadPast(.cellIsTaken)
        case .failed(let error): throw error
        case .abandoned: return .changed(nil)
        case .tooLong: return .loadPast(.waitedTooLong)
        }
    }

    /// How exactly waiters' ends are kept.
    private static var tick: Duration { .milliseconds(100) }

    /// Does what others wait for; meanwhile lets those go whose time is over, and does `other` every now and then.
    func leading<Result>(
        _ flights: [Flight<Value>],
        every pause: Duration = .seconds(3600),
        other: @escaping @Sendable () async -> Void = {},
        body: () async throws -> Result
    ) async throws -> Result {
        let next = Mutex(ContinuousClock.now + pause)
        return try await beside(every: min(pause, Self.tick)) {
            let now = ContinuousClock.now
            let isDue = next.withLock { next in
                guard now >= next else { return false }
                next = now + pause
                return true
            }
            if isDue { await other() }
            for flight in flights { flight.expireWaiters(at: now) }
        } body: {
            try await body()
        }
    }
}

/// The cells that the current task is loading, outermost first, each with its cache.
enum LoadingCells {
    private struct Entry {
        let cache: UInt64
        let cells: Set<CellAddress>
    }

    @TaskLocal private static var entries: [Entry] = []

    static func contains(_ cell: CellAddress, of cache: UInt64) -> Bool {
        self.entries.contains { $0.cache == cache && $0.cells.contains(cell) }
    }

    static var isLoading: Bool { !self.entries.isEmpty }

    static func with<Result>(
        _ cells: Set<CellAddress>,
        of cache: UInt64,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try await self.$entries.withValue(self.entries + [Entry(cache: cache, cells: cells)]) { try await body() }
    }
}

/// Running loaders: with a claim's renewal beside them, or without a claim, one running and one coming for each key.
extension CacheEngine {
    /// Loads without a claim: nothing is stored, and a load that runs already is not shared, because it may have begun
    /// before an invalidation this caller must see (rule 5).
    ///
    /// `looksAgain` tells that the store answers: who has waited for another's load then looks whether the cell has a value
    /// now, before it loads itself.
    func loadUnclaimed(_ request: Request, _ load: @escaping Loader, looksAgain: Bool = false) async throws -> Value? {
        let cell = request.cell
        while true {
            // A load that runs for longer counts as lost: the coming one starts beside it, and one more may come.
            let end = ContinuousClock.now + self.configuration.maximumLoad
            let own: Flight<Value>
            switch self.loads.turn(for: cell) {
            case .load(let flight):
                own = flight
            case .loadAfter(let running, let next):
                do {
                    _ = try await running.wait(until: end)
                    if looksAgain, case .hit(let value)? = try await self.lookAgain(request) {
                        self.loads.withdraw(next, for: cell)
                        next.finish(.value(value))
                        return value
                    }
                } catch {
                    self.loads.withdraw(next, for: cell)
                    next.finish(.abandoned)
                    throw error
                }
                own = next
                self.loads.start(own, for: cell)
            case .join(let coming):
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
            defer { self.loads.end(own, for: cell) }
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

    /// A look that a failing store makes none.
    private func lookAgain(_ request: Request) async throws -> Look? {
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
        self.counters.loads.increment()
        return try await RequestScope.suspended { try await LoadingCells.with(cell, of: self.shared.id, load) }
    }

    /// Runs a loader; meanwhile renews what there is to renew and lets waiters go whose time is over.
    ///
    /// Renewals come three times in a claim's life and end after `maximumLoad`; waiters are looked at every 100 ms.
    func run(
        _ load: @escaping Loader,
        _ cell: CellAddress,
        _ flight: Flight<Value>,
        renew: @escaping @Sendable () async -> Void = {}
    ) async throws -> Value? {
        let renewal = self.configuration.claimLife / 3
        let pause = min(renewal, .milliseconds(100))
        let end = ContinuousClock.now + self.configuration.maximumLoad
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var nextRenewal = ContinuousClock.now + renewal
                while true {
                    try await Task.sleep(for: pause)
                    let now = ContinuousClock.now
                    if now >= nextRenewal, now < end {
                        await renew()
                        nextRenewal = now + renewal
                    }
                    flight.expireWaiters(at: now)
                }
            }
            defer { group.cancelAll() }
            return try await self.run(load, cell)
        }
    }
}

/// The cells that the current task is loading, outermost first, each with its cache.
enum LoadingCells {
    private struct Entry: Equatable {
        let cache: UInt64
        let cell: CellAddress
    }

    @TaskLocal private static var entries: [Entry] = []

    static func contains(_ cell: CellAddress, of cache: UInt64) -> Bool {
        self.entries.contains(Entry(cache: cache, cell: cell))
    }

    static func with<Result>(
        _ cell: CellAddress,
        of cache: UInt64,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try await self.$entries.withValue(self.entries + [Entry(cache: cache, cell: cell)]) { try await body() }
    }
}

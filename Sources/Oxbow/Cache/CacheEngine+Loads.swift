/// Running loaders: with a claim's renewal beside them, or without a claim, one running and one coming for each key.
extension CacheEngine {
    /// Loads without a claim: nothing is stored, and a load that runs already is not shared, because it may have begun
    /// before an invalidation this caller must see (rule 5).
    func loadUnclaimed(_ request: Request, _ load: @escaping Loader) async throws -> Value? {
        let cell = request.cell
        let end = ContinuousClock.now + self.configuration.maximumLoad
        while true {
            let own: Flight<Value>
            switch self.loads.turn(for: cell) {
            case .load(let flight):
                own = flight
            case .loadAfter(let running, let next):
                do {
                    _ = try await running.wait(until: end)
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
                case .tooLong: return try await self.run(load, cell)
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

    /// Whether a load ended with its task's cancellation, which is no answer for anybody else.
    static func isAbandoned(_ error: any Error) -> Bool { Task.isCancelled || error is CancellationError }

    func run(_ load: @escaping Loader, _ cell: CellAddress) async throws -> Value? {
        self.counters.loads.increment()
        return try await LoadingCells.with(cell, load)
    }

    /// Runs a loader; meanwhile, three times in a claim's life, renews what there is to renew and lets waiters go whose
    /// time is over.
    ///
    /// That ends after `maximumLoad`.
    func run(
        _ load: @escaping Loader,
        _ cell: CellAddress,
        _ flight: Flight<Value>,
        renew: @escaping @Sendable () async -> Void = {}
    ) async throws -> Value? {
        let pause = self.configuration.claimLife / 3
        let end = ContinuousClock.now + self.configuration.maximumLoad
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await Task.sleep(for: pause)
                    let now = ContinuousClock.now
                    if now < end { await renew() }
                    flight.expireWaiters(at: now)
                }
            }
            defer { group.cancelAll() }
            return try await self.run(load, cell)
        }
    }
}

/// The cells that the current task is loading, outermost first.
enum LoadingCells {
    @TaskLocal private static var cells: [CellAddress] = []

    static func contains(_ cell: CellAddress) -> Bool { self.cells.contains(cell) }

    static func with<Result>(_ cell: CellAddress, _ body: () async throws -> Result) async throws -> Result {
        try await self.$cells.withValue(self.cells + [cell]) { try await body() }
    }
}

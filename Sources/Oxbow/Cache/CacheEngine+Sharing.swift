/// Reads that callers of one process share, because many of them want the same cell at once.
///
/// Rule 4 holds for each of them: all that is shared begins behind the call of whoever shares it.
extension CacheEngine {
    /// Takes part in the coming read of the cell, or makes it.
    ///
    /// A read makes room for the coming one when its look is answered, whatever follows. When the look before it failed, a
    /// read goes on without the store as well: who waited for that has waited for as long as a look may take.
    ///
    /// - Throws: the error of the load; `CancellationError`.
    @usableFromInline
    func share(_ request: Request, _ load: @escaping Loader) async throws -> Value? {
        let (cell, reads) = (request.cell, self.shared.reads)
        // Within a load nobody waits for more than what is claimed: those who wait could be waiting for this one.
        if LoadingCells.isLoading { return try await self.lookAndGoOn(request, load) }
        let end = ContinuousClock.now + self.configuration.longestWait
        while true {
            switch reads.turn(for: cell) {
            case .first(let own): return try await self.read(own, request, load)
            case .after(let running, let own):
                let isAnswered: Bool
                do {
                    if case .value = try await running.look.wait(until: end) {
                        isAnswered = true
                    } else {
                        isAnswered = false
                    }
                } catch {
                    reads.withdraw(own, for: cell)
                    own.finish(.abandoned, isAnswered: true)
                    throw error
                }
                reads.start(own, for: cell)
                return try await self.read(own, request, load, looks: isAnswered)
            case .join(let coming):
                switch try await coming.outcome.wait(until: end) {
                case .value(let value):
                    self.counters.joins.increment()
                    if value != nil || request.acceptsAbsent { return value }
                    return try await self.lookAndGoOn(request, load)
                case .failed(let error): throw error
                case .abandoned: continue
                case .tooLong: return try await self.loadUnclaimed(request, load, because: .waitedTooLong)
                }
            }
        }
    }

    /// Makes a read that others share.
    private func read(
        _ own: SharedRead<Value>,
        _ request: Request,
        _ load: @escaping Loader,
        looks: Bool = true
    ) async throws -> Value? {
        do {
            let value = try await self.leading([own.outcome]) {
                try await self.lookAndGoOn(request, load, looks: looks) { isAnswered in
                    self.shared.reads.end(own, for: request.cell)
                    own.look.finish(isAnswered ? .value(nil) : .abandoned)
                }
            }
            own.finish(.value(value), isAnswered: true)
            return value
        } catch {
            self.shared.reads.end(own, for: request.cell)
            own.finish(Self.isAbandoned(error) ? .abandoned : .failed(error), isAnswered: true)
            throw error
        }
    }

    private func lookAndGoOn(
        _ request: Request,
        _ load: @escaping Loader,
        looks: Bool = true,
        _ looked: (_ isAnswered: Bool) -> Void = { _ in }
    ) async throws -> Value? {
        var found: CellContent?
        if looks, self.mayRead(request.cell) {
            do {
                let content = try await self.store.read(request.cell)
                looked(true)
                switch self.firstLook(content, of: request.cell, acceptsAbsent: request.acceptsAbsent) {
                case .hit(let value): return value
                case .due(let value, let old):
                    await self.refresh(request, old, load)
                    return value
                case .miss(let content): found = content
                }
            } catch {
                try self.noteStoreFailure(error)
            }
        }
        if found == nil { looked(false) }
        return try await self.value(request, after: found, load)
    }
}

/// A read of one cell: its look, and all that follows, for callers who came before it began.
final class SharedRead<Value: Sendable>: Sendable {
    /// Ends with a value (`nil`) when the store has answered.
    let look = Flight<Never>()
    let outcome = Flight<Value>()

    func finish(_ outcome: LoadOutcome<Value>, isAnswered: Bool) {
        self.look.finish(isAnswered ? .value(nil) : .abandoned)
        self.outcome.finish(outcome)
    }
}

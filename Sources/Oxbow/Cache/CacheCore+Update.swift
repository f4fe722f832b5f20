import NIOCore

/// Writes to the database between closing and opening what the caches hold of it (rules 6 and 7 of the cell protocol).
extension CacheCore {
    /// Closes the cells, writes, and opens them.
    ///
    /// What cannot be closed in time is journaled before the write and not asked for again: the journal owes it anyway.
    ///
    /// - Parameters:
    ///   - keys: whose entries the write changes.
    ///   - group: theirs.
    ///   - timeToLive: the TTL of what is stored.
    ///   - stored: what of the result is stored after the write, if no other writer and no invalidation came meanwhile.
    ///   - write: changes the database.
    /// - Returns: what `write` returns, and whether readers everywhere see the change.
    /// - Throws: ``OxbowError``; what `write` throws.
    func update<Result>(
        _ keys: [String],
        in group: String?,
        timeToLive: Duration?,
        storing stored: (Result) -> Value?,
        _ write: () async throws -> Result
    ) async throws -> Updated<Result> {
        let cells = Array(Set(try keys.map { try self.cell($0, in: group) }))
        let token = Token.random()
        // One for all of it: a shorter one, reloaded meanwhile, would let the cells open between two renewals.
        let life = self.engine.configuration.claimLife
        defer { for key in keys { self.forget(key, in: group) } }
        let closed = try await self.close(cells, token, for: life)
        let result: Result
        do {
            result = try await self.renewing(closed, token, for: life, write)
        } catch {
            // Whether the write happened is not known: the cells are left empty.
            await self.open(closed, token)
            throw error
        }
        let outcome: InvalidationOutcome
        if let cell = closed.first, cells.count == 1, let value = self.encoded(stored(result), for: timeToLive) {
            outcome = await self.open(cell, token, storing: value)
        } else {
            outcome = await self.open(closed, token)
        }
        return Updated(value: result, outcome: closed.count == cells.count ? outcome : .journaled)
    }

    /// A value as it is stored; `nil` if there is none, or the codec refuses it.
    private func encoded(_ value: Value?, for timeToLive: Duration?) -> (envelope: Envelope, life: Duration)? {
        guard let value else { return nil }
        do {
            let envelope = try self.engine.coder.envelope(value)
            return self.engine.stamped(envelope, for: timeToLive ?? self.engine.configuration.timeToLive)
        } catch {
            self.engine.counters.failedFills.increment()
            return nil
        }
    }

    // MARK: Closing

    /// Closes the cells, and journals those that cannot be closed.
    ///
    /// - Returns: those that are closed.
    /// - Throws: ``OxbowError`` with `notRunning`, or `unavailable` where the cache refuses to write without its store;
    ///   `CancellationError`. Nothing stays closed then.
    private func close(_ cells: [CellAddress], _ token: Token, for life: Duration) async throws -> [CellAddress] {
        let results: [Swift.Result<Void, any Error>]
        do {
            results = try await self.close(cells, token, for: life, isRenewal: false)
        } catch {
            // Cancelled: some of them may be closed, and nothing is written.
            _ = try? await self.engine.store.open(cells, token, holdOff: nil)
            throw error
        }
        var closed: [CellAddress] = []
        for (cell, result) in zip(cells, results) {
            do {
                try result.get()
                closed.append(cell)
            } catch {
                let failure = OxbowError(storeFailure: error)
                guard failure.code != .notRunning, self.updateWithoutStore == .journal else {
                    _ = try? await self.engine.store.open(cells, token, holdOff: nil)
                    throw failure
                }
                try? self.engine.noteStoreFailure(error)
                // From here on this process reads past the cell.
                self.engine.journal.add(.cell(cell), of: self.engine.name)
            }
        }
        return closed
    }

    private func close(
        _ cells: [CellAddress],
        _ token: Token,
        for life: Duration,
        isRenewal: Bool
    ) async throws -> [Swift.Result<Void, any Error>] {
        let store = self.engine.store
        guard let cell = cells.first, cells.count == 1 else {
            return try await store.close(cells, token, for: life, isRenewal: isRenewal)
        }
        do {
            return [.success(try await store.close(cell, token, for: life, isRenewal: isRenewal))]
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return [.failure(error)]
        }
    }

    /// Runs a write, and keeps the cells closed meanwhile: three times in a closing's TTL, until `maximumLoad`.
    private func renewing<Result>(
        _ cells: [CellAddress],
        _ token: Token,
        for life: Duration,
        _ write: () async throws -> Result
    ) async throws -> Result {
        if cells.isEmpty { return try await write() }
        let end = ContinuousClock.now + self.engine.configuration.maximumLoad
        return try await self.engine.journal.runningUpdates.with {
            for result in try await self.close(cells, token, for: life, isRenewal: true) { try result.get() }
        } _: {
            try await self.engine.leading([], every: life / 3) {
                if ContinuousClock.now < end { _ = try? await self.close(cells, token, for: life, isRenewal: true) }
            } body: {
                try await write()
            }
        }
    }

    // MARK: Opening

    /// Opens a cell and stores a value, if no other writer and no invalidation came meanwhile.
    private func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: (envelope: Envelope, life: Duration)
    ) async -> InvalidationOutcome {
        let engine = self.engine
        let epoch = engine.journal.epoch
        let holdOff = engine.configuration.holdOff
        do {
            let isStored = try await engine.store.open(
                cell,
                token,
                storing: value.envelope,
                for: value.life,
                holdOff: holdOff
            )
            if !isStored { engine.counters.refusedFills.increment() }
            return engine.journal.noteApplied(.cell(cell), of: engine.name, since: epoch) ? .applied : .journaled
        } catch {
            return self.journal(cell, error)
        }
    }

    /// Opens cells and leaves them empty, or held off; where that fails, the journal owes them, and the closing keeps other
    /// processes from filling.
    @discardableResult
    private func open(_ cells: [CellAddress], _ token: Token) async -> InvalidationOutcome {
        guard !cells.isEmpty else { return .applied }
        let engine = self.engine
        let epoch = engine.journal.epoch
        let holdOff = engine.configuration.holdOff
        let results: [Swift.Result<Void, any Error>]
        do {
            if let cell = cells.first, cells.count == 1 {
                _ = try await engine.store.open(cell, token, storing: nil, for: .zero, holdOff: holdOff)
                results = [.success(())]
            } else {
                results = try await engine.store.open(cells, token, holdOff: holdOff)
            }
        } catch {
            results = cells.map { _ in .failure(error) }
        }
        var outcome = InvalidationOutcome.applied
        for (cell, result) in zip(cells, results) {
            switch result {
            case .success:
                if !engine.journal.noteApplied(.cell(cell), of: engine.name, since: epoch) { outcome = .journaled }
            case .failure(let error): outcome = self.journal(cell, error)
            }
        }
        return outcome
    }

    private func journal(_ cell: CellAddress, _ error: any Error) -> InvalidationOutcome {
        try? self.engine.noteStoreFailure(error)
        self.engine.journal.add(.cell(cell), of: self.engine.name)
        return .journaled
    }
}

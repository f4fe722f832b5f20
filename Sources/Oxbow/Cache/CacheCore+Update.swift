import NIOCore

/// Writes to the database between closing and opening what the caches hold of it (rule 6 of the cell protocol).
extension CacheCore {
    /// Closes the cells, writes, and opens them.
    ///
    /// - Parameters:
    ///   - keys: whose entries the write changes.
    ///   - group: theirs.
    ///   - timeToLive: the life of what is stored.
    ///   - stored: what of the result is stored behind the write, if nobody else has written or invalidated meanwhile.
    ///   - write: changes the database.
    /// - Returns: what `write` returns.
    /// - Throws: ``OxbowError``; what `write` throws.
    func update<Result>(
        _ keys: [String],
        in group: String?,
        timeToLive: Duration?,
        storing stored: (Result) -> Value?,
        _ write: () async throws -> Result
    ) async throws -> Result {
        let cells = try keys.map { try self.cell($0, in: group) }
        let token = Token.random()
        // One for all of it: a shorter one, reloaded meanwhile, would let the cells open between two renewals.
        let life = self.engine.configuration.claimLife
        defer { for key in keys { self.forget(key, in: group) } }
        var isClosed = true
        do {
            try await callingStore { try await self.close(cells, token, for: life, isRenewal: false) }
        } catch {
            let isAway = (error as? OxbowError)?.code == .unavailable
            guard isAway, self.updateWithoutStore == .journal else {
                // Some of them may be closed.
                try? await Self.each(cells) { _ = try await self.open($0, token, storing: nil) }
                throw error
            }
            isClosed = false
            // From here on this process reads past the cells.
            for cell in cells { self.engine.journal.add(.cell(cell), of: self.engine.name) }
        }
        let result: Result
        do {
            result = try await self.renewing(cells, token, for: life, write)
        } catch {
            // Nobody knows what was written: the cells are empty.
            await self.openOrJournal(cells, token, storing: nil)
            throw error
        }
        let envelope = isClosed ? stored(result).flatMap { try? self.engine.coder.envelope($0) } : nil
        let value = envelope.map { self.engine.stamped($0, for: timeToLive ?? self.engine.configuration.timeToLive) }
        await self.openOrJournal(cells, token, storing: value)
        return result
    }

    /// Opens the cells; where that fails, the journal has it: until then the closing keeps others from filling.
    private func openOrJournal(
        _ cells: [CellAddress],
        _ token: Token,
        storing value: (envelope: Envelope, life: Duration)?
    ) async {
        let engine = self.engine
        let failovers = engine.journal.failovers
        await withTaskGroup(of: Void.self) { group in
            for cell in cells {
                group.addTask {
                    do {
                        // Before the opening, so that there is no gap; of a value nobody knows before whether it is stored.
                        if value == nil { try await self.holdOff(cell) }
                        let isStored = try await self.open(cell, token, storing: value)
                        if value != nil, !isStored { try await self.holdOff(cell) }
                        engine.journal.noteApplied(.cell(cell), of: engine.name, since: failovers)
                    } catch {
                        try? engine.noteStoreFailure(error)
                        engine.journal.add(.cell(cell), of: engine.name)
                    }
                }
            }
        }
    }

    private func holdOff(_ cell: CellAddress) async throws {
        guard let holdOff = self.engine.configuration.holdOff else { return }
        try await self.engine.store.invalidate(cell, holdOff: holdOff, timeout: nil)
    }

    /// Runs a write, and keeps the cells closed meanwhile: three times in a closing's life, until `maximumLoad`.
    private func renewing<Result>(
        _ cells: [CellAddress],
        _ token: Token,
        for life: Duration,
        _ write: () async throws -> Result
    ) async throws -> Result {
        let end = ContinuousClock.now + self.engine.configuration.maximumLoad
        return try await self.engine.leading([], every: life / 3) {
            if ContinuousClock.now < end { try? await self.close(cells, token, for: life, isRenewal: true) }
        } body: {
            try await write()
        }
    }

    private func close(_ cells: [CellAddress], _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        let store = self.engine.store
        try await Self.each(cells) { try await store.close($0, token, for: life, isRenewal: isRenewal) }
    }

    /// - Returns: whether the value was stored.
    private func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: (envelope: Envelope, life: Duration)?
    ) async throws -> Bool {
        let isStored = try await self.engine.store.open(
            cell,
            token,
            storing: value?.envelope,
            for: value?.life ?? .zero
        )
        if value != nil, !isStored { self.engine.counters.refusedFills.increment() }
        return isStored
    }

    /// All cells at once; the first error when all have come to an end.
    private static func each(
        _ cells: [CellAddress],
        _ body: @escaping @Sendable (CellAddress) async throws -> Void
    ) async throws {
        if let cell = cells.first, cells.count == 1 { return try await body(cell) }
        let failure = await withTaskGroup(of: (any Error)?.self) { group in
            for cell in cells {
                group.addTask {
                    do { try await body(cell) } catch { return error }
                    return nil
                }
            }
            var first: (any Error)?
            for await error in group { first = first ?? error }
            return first
        }
        if let failure { throw failure }
    }
}

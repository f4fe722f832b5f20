extension CacheEngine {
    /// Invalidates, or journals what cannot be done now.
    ///
    /// A store that does not answer is not waited for longer than in a read.
    ///
    /// - Throws: ``OxbowError`` with `notRunning`.
    func invalidate(_ target: InvalidationJournal.Target) async throws -> InvalidationOutcome {
        let epoch = self.journal.epoch
        do {
            let configuration = self.configuration
            try await self.store.invalidate(target, holdOff: configuration.holdOff, timeout: configuration.softTimeout)
            return self.journal.noteApplied(target, of: self.name, since: epoch) ? .applied : .journaled
        } catch {
            try self.journal(target, after: error)
            return .journaled
        }
    }

    /// The same for several cells at once.
    func invalidate(_ cells: [CellAddress]) async throws -> InvalidationOutcome {
        let epoch = self.journal.epoch
        let configuration = self.configuration
        let results: [Result<Void, any Error>]
        do {
            results = try await self.store.invalidate(
                cells,
                holdOff: configuration.holdOff,
                timeout: configuration.softTimeout
            )
        } catch {
            results = cells.map { _ in .failure(error) }
        }
        var outcome = InvalidationOutcome.applied
        for (cell, result) in zip(cells, results) {
            do {
                try result.get()
                if !self.journal.noteApplied(.cell(cell), of: self.name, since: epoch) { outcome = .journaled }
            } catch {
                try self.journal(.cell(cell), after: error)
                outcome = .journaled
            }
        }
        return outcome
    }

    private func journal(_ target: InvalidationJournal.Target, after error: any Error) throws {
        let failure = OxbowError(storeFailure: error)
        if failure.code == .notRunning { throw failure }
        try? self.noteStoreFailure(error)
        self.journal.add(target, of: self.name)
    }
}

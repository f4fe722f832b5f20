extension CacheEngine {
    /// Invalidates, or journals what cannot be done now.
    ///
    /// While others wait in the journal, a store that does not answer is not waited for longer than in a read.
    ///
    /// - Throws: ``CacheError`` with `notRunning`.
    func invalidate(_ target: InvalidationJournal.Target) async throws -> InvalidationOutcome {
        do {
            let timeout = self.journal.isQuiet ? nil : self.configuration.softTimeout
            try await self.store.invalidate(target, holdOff: self.configuration.holdOff, timeout: timeout)
            self.journal.noteApplied(target, of: self.name)
            return .applied
        } catch {
            let failure = CacheError(storeFailure: error)
            if failure.code == .notRunning { throw failure }
            try? self.noteStoreFailure(error)
            self.journal.add(target, of: self.name)
            return .journaled
        }
    }
}

extension Cache {
    /// Reads the values of several keys, and loads those that are absent by one call of the loader.
    ///
    /// The same promises as for one key, for each of them: one load per key runs over all processes, and what is invalidated
    /// while it is loaded is returned and not stored. What other callers load already is waited for behind this call's own
    /// load, for `waitForLoad` at most. When the store does not answer, the loader is called for all keys, and nothing is
    /// stored.
    ///
    /// ```swift
    /// let several = try await users.values(for: ids) { missing in try await database.users(missing) }
    /// ```
    ///
    /// - Parameters:
    ///   - keys: a key that comes twice counts once.
    ///   - timeToLive: the life of what is stored; the cache's own by default.
    ///   - load: gets the keys to load, and returns their values. A key that it leaves out is stored as "known absent" for
    ///     `absentTimeToLive`; one that it was not asked for is ignored. Called once, as a rule; again, with other keys, for
    ///     what nobody can claim (an update is on its way) or others have failed to load.
    /// - Returns: the values that there are; a key that is missing has none, as far as the cache or the loader knows.
    /// - Throws: ``OxbowError`` with `invalidKey`, also for two keys of different bytes that are equal as strings ("é" in one
    ///   and in two code points), which a dictionary cannot tell apart, and for two that differ and have the same text; with
    ///   `tooManyLoads` where the cache cannot be used, or one of the entries is closed; the loader's errors as they are,
    ///   which those who share the load get as well; `CancellationError`.
    /// - Complexity: for each thousand keys, one round trip to each node for hits, three (look, claim, store) for misses.
    @inlinable
    public func values<Key: CacheKey & Hashable>(
        for keys: [Key],
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping ([Key]) async throws -> [Key: Value]
    ) async throws -> [Key: Value] {
        try await self.core.values(keys, in: nil, timeToLive: timeToLive, load)
    }

    /// Removes several entries, and with them the right of any running load to store their values.
    ///
    /// All are tried, whatever becomes of the others; a cancelled task invalidates all the same.
    ///
    /// - Returns: `applied` when no read that begins later gets an older value of any of them; `journaled` when some could
    ///   not be removed yet, see ``InvalidationOutcome/journaled``.
    /// - Throws: ``OxbowError``: `invalidKey`, before anything happened; `notRunning`.
    /// - Complexity: for each thousand keys, one round trip to each node.
    @discardableResult
    public func invalidate(_ keys: [some CacheKey]) async throws -> InvalidationOutcome {
        try await self.core.invalidate(keys.map(\.cacheKey), in: nil)
    }
}

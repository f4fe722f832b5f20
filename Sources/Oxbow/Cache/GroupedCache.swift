/// A typed cache whose entries belong to groups: one hash for each group, a field with its own life for each entry.
///
/// ``invalidate(group:)`` removes all entries of a group at once. Otherwise the same promises as ``Cache``.
public struct GroupedCache<Value: Sendable>: Sendable {
    @usableFromInline let core: CacheCore<Value>

    /// Reads the value, or loads and stores it when absent.
    ///
    /// While the store can be reached, one load per key runs over all processes: callers who have seen that load's claim
    /// share it or wait for it, for `waitForLoad` at most. When the store does not answer a command
    /// within `softTimeout`, the loader runs and nothing is stored: a broken cache does not fail the call, unless
    /// more than `maximumConcurrentLoads` wait for the database too long. A loader whose type is optional stores `nil` as
    /// "known absent".
    ///
    /// - Parameters:
    ///   - key: names the entry; not the empty text.
    ///   - group: names the group; not the empty text.
    ///   - timeToLive: the life of what is stored; the cache's own by default.
    ///   - load: called at most once by this call. **It may run after the call has returned**: while other callers wait for it
    ///     when this one is cancelled, and in the background where a refresh is due (`earlyRefreshFactor`, `staleFor`), then
    ///     without the task-local values of a caller. Let it take connections itself, not capture a request's.
    /// - Returns: the value.
    /// - Throws: ``OxbowError`` with `invalidKey`, and `tooManyLoads` where the cache cannot be used; the loader's errors as
    ///   they are; `CancellationError`.
    /// - Complexity: one round trip for a hit, three (look, claim, store) for a miss.
    @inlinable
    public func value(
        for key: some CacheKey,
        in group: some CacheKey,
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping () async throws -> Value
    ) async throws -> Value {
        let (key, group) = (key.cacheKey, group.cacheKey)
        if let value = self.core.remembered(key, in: group, acceptsAbsent: false)?.value { return value }
        let value = try await self.core.value(key, in: group, acceptsAbsent: false, timeToLive: timeToLive, load)
        // Without "known absent" as an answer there always is one; if not, the loader is right.
        if let value { return value } else { return try await load() }
    }

    /// Reads the value, or loads it when absent; a loaded `nil` is stored as "known absent" for `absentTimeToLive`.
    ///
    /// Otherwise the same as the form whose loader always has a value.
    ///
    /// - Returns: `nil` if there is no such value, as far as the cache or the loader knows.
    @_disfavoredOverload
    @inlinable
    public func value(
        for key: some CacheKey,
        in group: some CacheKey,
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping () async throws -> Value?
    ) async throws -> Value? {
        let (key, group) = (key.cacheKey, group.cacheKey)
        if let known = self.core.remembered(key, in: group) { return known.value }
        return try await self.core.value(key, in: group, acceptsAbsent: true, timeToLive: timeToLive, load)
    }

    /// Reads the value if it is there.
    ///
    /// - Returns: `nil` for an entry that is absent, known absent or unusable, and when the store cannot be reached.
    /// - Throws: ``OxbowError`` with `invalidKey`; `CancellationError`.
    public func value(for key: some CacheKey, in group: some CacheKey) async throws -> Value? {
        try await self.core.value(key.cacheKey, in: group.cacheKey)
    }

    /// Stores a value whatever is there, for data that has no primary store.
    ///
    /// **Outside the promise of no stale fill**: two calls may arrive in either order, and a value written here may be
    /// older than an invalidation. For data of a database use ``value(for:in:timeToLive:orLoad:)`` and
    /// ``invalidate(_:in:)``.
    ///
    /// - Throws: ``OxbowError``: `invalidKey`, `valueTooLarge`, `cannotEncode`, `closed`, `notRunning`, `unavailable`
    ///   (the value may have been stored); `CancellationError`.
    public func set(_ value: Value, for key: some CacheKey, in group: some CacheKey, timeToLive: Duration? = nil)
        async throws
    {
        try await self.core.set(value, for: key.cacheKey, in: group.cacheKey, timeToLive: timeToLive)
    }

    /// Removes the entry, and with it the right of any running load to store its value.
    ///
    /// Call it after the change is committed. A cancelled task invalidates all the same.
    ///
    /// - Returns: `applied` when no read that begins later gets an older value, on any server; `journaled` when the store
    ///   could not be reached: then it is carried out as soon as possible, and this process reads past the entry until
    ///   then.
    /// - Throws: ``OxbowError``: `invalidKey`, `notRunning`.
    @discardableResult
    public func invalidate(_ key: some CacheKey, in group: some CacheKey) async throws -> InvalidationOutcome {
        try await self.core.invalidate(key.cacheKey, in: group.cacheKey)
    }

    /// Writes to the database, with the entry closed meanwhile.
    ///
    /// From before `write` until behind it a reader goes to the database and stores nothing, and what was stored before is
    /// gone, also when this process dies in the middle. Writers may overlap: the last one to finish opens the entry. The
    /// closing ends by itself after `claimLife`, and is renewed while `write` runs, for `maximumLoad` at most: a write that
    /// takes longer is not covered.
    ///
    /// Without the store the write is done and the invalidation journaled, see ``InvalidationOutcome/journaled``; or
    /// refused, see ``CacheOptions/updateWithoutStore``.
    ///
    /// - Parameters:
    ///   - key: names the entry; not the empty text.
    ///   - group: names the group; not the empty text.
    ///   - write: changes the database. When it throws, the entry is opened, empty.
    /// - Returns: what `write` returns, and whether every reader sees the change from now on.
    /// - Throws: ``OxbowError`` before the write, which is not run then: `invalidKey`, `notRunning`, and `unavailable` where
    ///   ``CacheOptions/updateWithoutStore`` says so. What `write` throws, unchanged. `CancellationError` before the write;
    ///   a cancelled task opens the entry all the same.
    /// - Complexity: one round trip before the write and one after it, each bounded by `softTimeout`.
    @discardableResult
    public func update<Result>(_ key: some CacheKey, in group: some CacheKey, _ write: () async throws -> Result)
        async throws -> Updated<Result>
    {
        try await self.core.update([key.cacheKey], in: group.cacheKey, timeToLive: nil, storing: { _ in nil }, write)
    }

    /// Writes to the database, and stores the new value that `write` returns.
    ///
    /// The same as ``update(_:in:_:)``; the value is stored only if no other writer and no invalidation came meanwhile.
    ///
    /// - Parameters:
    ///   - key: names the entry; not the empty text.
    ///   - group: names the group; not the empty text.
    ///   - timeToLive: the life of what is stored; the cache's own by default.
    ///   - write: changes the database, and returns the value as it is there now.
    /// - Returns: what `write` returns, and whether every reader sees the change from now on.
    /// - Throws: as the form that stores nothing.
    @discardableResult
    public func writeThrough(
        _ key: some CacheKey,
        in group: some CacheKey,
        timeToLive: Duration? = nil,
        _ write: () async throws -> Value
    ) async throws -> Updated<Value> {
        try await self.core.update([key.cacheKey], in: group.cacheKey, timeToLive: timeToLive, storing: { $0 }, write)
    }

    /// Writes to the database what several entries of a group depend on, all of them closed meanwhile.
    ///
    /// The same as the form for one key.
    ///
    /// - Parameters:
    ///   - keys: name the entries; none is the empty text.
    ///   - group: names the group; not the empty text.
    ///   - write: changes the database.
    /// - Returns: what `write` returns, and whether every reader sees the change from now on.
    /// - Throws: as the form for one key.
    @discardableResult
    public func update<Result>(
        _ keys: [some CacheKey],
        in group: some CacheKey,
        _ write: () async throws -> Result
    ) async throws -> Updated<Result> {
        try await self.core.update(
            keys.map(\.cacheKey),
            in: group.cacheKey,
            timeToLive: nil,
            storing: { _ in nil },
            write
        )
    }

    /// Removes all entries of a group, and with them the right of any running load to store its value.
    ///
    /// One command.
    ///
    /// An entry that an update holds closed is opened by this too; that matters only if the updater crashes.
    ///
    /// - Returns: as ``invalidate(_:in:)``.
    /// - Throws: ``OxbowError``: `invalidKey`, `notRunning`.
    @discardableResult
    public func invalidate(group: some CacheKey) async throws -> InvalidationOutcome {
        try await self.core.invalidate(group: group.cacheKey)
    }

    /// Whether a usable entry with a value is there.
    ///
    /// Answers for this moment only.
    ///
    /// - Throws: ``OxbowError``: `invalidKey`, `notRunning`, `unavailable`; `CancellationError`.
    public func contains(_ key: some CacheKey, in group: some CacheKey) async throws -> Bool {
        try await self.core.contains(key.cacheKey, in: group.cacheKey)
    }

    /// The rest of the entry's life; `nil` if there is no entry.
    ///
    /// - Throws: ``OxbowError``: `invalidKey`, `notRunning`, `unavailable`; `CancellationError`.
    public func remainingTimeToLive(for key: some CacheKey, in group: some CacheKey) async throws -> Duration? {
        try await self.core.remainingTimeToLive(key.cacheKey, in: group.cacheKey)
    }

    /// What this cache has done in this process.
    public var statistics: CacheStatistics { self.core.engine.counters.statistics }
}

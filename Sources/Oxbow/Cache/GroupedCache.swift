/// A typed cache whose entries belong to groups: one hash for each group, a field with its own life for each entry.
///
/// ``invalidate(group:)`` removes all entries of a group at once. Otherwise the same promises as ``Cache``.
public struct GroupedCache<Value: Sendable>: Sendable {
    @usableFromInline let core: CacheCore<Value>

    /// Reads the value, or loads and stores it when absent.
    ///
    /// While the store can be reached, one load per key runs over all processes: callers who have seen that load's claim
    /// share it or wait for it, for `waitForLoad` at most. When the store does not answer a command
    /// within `softTimeout`, the loader runs and nothing is stored: a broken cache never fails the call.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - group: any text but the empty one.
    ///   - timeToLive: the life of what is stored; the cache's own by default.
    ///   - load: called at most once by this call. It runs in the task of the caller, or of another caller for the same
    ///     key; cancelling that task hands the load on to one that waits.
    /// - Returns: the value.
    /// - Throws: ``CacheError`` with `invalidKey`; the loader's errors as they are; `CancellationError`.
    /// - Complexity: one round trip for a hit, three (look, claim, store) for a miss.
    @inlinable
    public func value(
        for key: String,
        in group: String,
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping () async throws -> Value
    ) async throws -> Value {
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
        for key: String,
        in group: String,
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping () async throws -> Value?
    ) async throws -> Value? {
        if let known = self.core.remembered(key, in: group) { return known.value }
        return try await self.core.value(key, in: group, acceptsAbsent: true, timeToLive: timeToLive, load)
    }

    /// Reads the value if it is there.
    ///
    /// - Returns: `nil` for an entry that is absent, known absent or unusable, and when the store cannot be reached.
    /// - Throws: ``CacheError`` with `invalidKey`; `CancellationError`.
    public func value(for key: String, in group: String) async throws -> Value? {
        try await self.core.value(key, in: group)
    }

    /// Stores a value whatever is there, for data that has no primary store.
    ///
    /// **Outside the promise of no stale fill**: two calls may arrive in either order, and a value written here may be
    /// older than an invalidation. For data of a database use ``value(for:in:timeToLive:orLoad:)`` and
    /// ``invalidate(_:in:)``.
    ///
    /// - Throws: ``CacheError``: `invalidKey`, `valueTooLarge`, `cannotEncode`, `closed`, `notRunning`, `unavailable`
    ///   (the value may have been stored); `CancellationError`.
    public func set(_ value: Value, for key: String, in group: String, timeToLive: Duration? = nil) async throws {
        try await self.core.set(value, for: key, in: group, timeToLive: timeToLive)
    }

    /// Removes the entry, and with it the right of any running load to store its value.
    ///
    /// Call it after the change is committed. When it has returned, no read that begins later gets an older value.
    ///
    /// - Throws: ``CacheError``: `invalidKey`, `notRunning`, `unavailable` (it may have happened; repeat it);
    ///   `CancellationError`.
    public func invalidate(_ key: String, in group: String) async throws {
        try await self.core.invalidate(key, in: group)
    }

    /// Removes all entries of a group, and with them the right of any running load to store its value.
    ///
    /// One command.
    ///
    /// An entry that an update holds closed is opened by this too; that matters only if the updater crashes.
    ///
    /// - Throws: ``CacheError``: `invalidKey`, `notRunning`, `unavailable` (it may have happened; repeat it);
    ///   `CancellationError`.
    public func invalidate(group: String) async throws { try await self.core.invalidate(group: group) }

    /// Whether a usable entry with a value is there.
    ///
    /// Answers for this moment only.
    ///
    /// - Throws: ``CacheError``: `invalidKey`, `notRunning`, `unavailable`; `CancellationError`.
    public func contains(_ key: String, in group: String) async throws -> Bool {
        try await self.core.contains(key, in: group)
    }

    /// The rest of the entry's life; `nil` if there is no entry.
    ///
    /// - Throws: ``CacheError``: `invalidKey`, `notRunning`, `unavailable`; `CancellationError`.
    public func remainingTimeToLive(for key: String, in group: String) async throws -> Duration? {
        try await self.core.remainingTimeToLive(key, in: group)
    }

    /// What this cache has done in this process.
    public var statistics: CacheStatistics { self.core.engine.counters.statistics }
}

import Synchronization

/// What one served request has read: repeated reads of a key stay in memory.
///
/// Found through a task-local, so child tasks share it and other requests never see it; a detached task that outlives
/// the request finds it ended. Decoded values are kept, not bytes.
@usableFromInline
final class RequestScope: Sendable {
    /// The scope that reads of this task use; none while it loads a value for everybody.
    @TaskLocal static var current: RequestScope?
    /// Whether reads of this task are remembered.
    @usableFromInline static var isOpen: Bool { Self.current != nil }
    /// The scope that changes of this task count in, also while it loads.
    @TaskLocal private static var enclosing: RequestScope?

    /// Runs `body` in a scope of its own.
    static func with<Result>(
        maximumEntries: Int,
        maximumBytes: Int,
        limits: CacheLimits,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        let scope = RequestScope(maximumEntries, maximumBytes, limits, parent: Self.enclosing)
        defer { scope.end() }
        return try await Self.$enclosing.withValue(scope) {
            try await Self.$current.withValue(scope) { try await body() }
        }
    }

    /// Runs a loader without the scope's memory: what is remembered for one request may be older than an invalidation
    /// that the loaded value, which is stored for everybody, must respect.
    static func suspended<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await Self.$current.withValue(nil) { try await body() }
    }

    /// Forgets a key in the scope of this task and in those around it.
    static func forget(_ key: Key) {
        var scope = Self.enclosing
        while let current = scope {
            current.forget(key)
            scope = current.parent
        }
    }

    /// Forgets a group of one cache in the scope of this task and in those around it.
    static func forget(group: String, of cache: UInt64) {
        var scope = Self.enclosing
        while let current = scope {
            current.forget(group: group, of: cache)
            scope = current.parent
        }
    }

    /// A key of one cache of this process; compared by bytes, as all local tables are.
    struct Key: Hashable {
        let cache: UInt64
        let group: String?
        let key: String

        static func == (left: Key, right: Key) -> Bool {
            guard left.cache == right.cache, left.key.utf8.elementsEqual(right.key.utf8) else { return false }
            switch (left.group, right.group) {
            case (nil, nil): return true
            case (let a?, let b?): return a.utf8.elementsEqual(b.utf8)
            default: return false
            }
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(self.cache)
            hasher.combine(bytesOf: self.key)
            if let group { hasher.combine(bytesOf: group) }
        }
    }

    /// A decoded value of any cache; `nil` for a known absence.
    @usableFromInline
    final class Box<Value: Sendable>: Sendable {
        @usableFromInline let value: Value?
        init(_ value: Value?) { self.value = value }
    }

    /// The moment a read began: what it brings is remembered only if nothing was forgotten since (rule 9).
    struct Epoch: Equatable {
        fileprivate let scope: UInt64
        fileprivate let key: UInt64
    }

    private struct Entry {
        var epoch: UInt64 = 0
        var box: (any AnyObject & Sendable)?
        /// What it counts as; 0 without a box.
        var bytes = 0
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// The sum of the entries' bytes.
        var bytes = 0
        var epoch: UInt64 = 0
        var isEnded = false
    }

    private let state = Mutex(State())
    private let maximumEntries: Int
    private let maximumBytes: Int
    private let limits: CacheLimits
    private let parent: RequestScope?

    private init(_ maximumEntries: Int, _ maximumBytes: Int, _ limits: CacheLimits, parent: RequestScope?) {
        self.maximumEntries = max(1, maximumEntries)
        self.maximumBytes = maximumBytes
        self.limits = limits
        self.parent = parent
    }

    /// What is remembered for a key; if nothing, the epoch to hand to ``remember(_:for:since:)``.
    func look(_ key: Key) -> (box: (any AnyObject & Sendable)?, epoch: Epoch?) {
        self.state.withLock { state in
            guard !state.isEnded else { return (nil, nil) }
            let entry = state.entries[key]
            return (entry?.box, Epoch(scope: state.epoch, key: entry?.epoch ?? 0))
        }
    }

    /// What the current scope remembers for a key of a cache.
    @usableFromInline
    static func known(_ cache: UInt64, _ group: String?, _ key: String) -> (any AnyObject & Sendable)? {
        guard let scope = Self.current else { return nil }
        return scope.look(Key(cache: cache, group: group, key: key)).box
    }

    /// Remembers what a read has brought, unless its key was forgotten since the read began, or the scope is full.
    ///
    /// `size` is that of the encoded value, in bytes.
    func remember<Value: Sendable>(_ value: Value?, for key: Key, since epoch: Epoch, bytes size: Int) {
        let box = Box(value)
        let bytes = size + key.key.utf8.count + (key.group?.utf8.count ?? 0)
        let limit = self.state.withLock { state -> CacheLimits.Limit? in
            let entry = state.entries[key]
            guard !state.isEnded, epoch == Epoch(scope: state.epoch, key: entry?.epoch ?? 0) else { return nil }
            guard entry != nil || state.entries.count < self.maximumEntries else { return .scopeEntries }
            let rest = state.bytes - (entry?.bytes ?? 0)
            guard bytes <= self.maximumBytes - rest else { return .scopeBytes }
            state.entries[key, default: Entry()].box = box
            state.entries[key]?.bytes = bytes
            state.bytes = rest + bytes
            return nil
        }
        if let limit { self.limits.note(limit) }
    }

    /// Forgets a key that was changed; reads that are on their way will not be remembered.
    func forget(_ key: Key) {
        self.state.withLock { state in
            guard state.entries[key] != nil || state.entries.count < self.maximumEntries else {
                state.entries = [:]
                state.bytes = 0
                state.epoch += 1
                return
            }
            var entry = state.entries[key] ?? Entry()
            state.bytes -= entry.bytes
            entry = Entry(epoch: entry.epoch + 1)
            state.entries[key] = entry
        }
    }

    /// Forgets a whole group of one cache.
    func forget(group: String, of cache: UInt64) {
        self.state.withLock { state in
            let wanted = Key(cache: cache, group: group, key: "")
            state.entries = state.entries.filter { key, _ in
                Key(cache: key.cache, group: key.group, key: "") != wanted
            }
            state.bytes = state.entries.values.reduce(0) { $0 + $1.bytes }
            // Epochs of single keys that went away with their entries are covered by this one.
            state.epoch += 1
        }
    }

    /// Ends the scope: it remembers nothing from here on.
    func end() {
        self.state.withLock { state in
            state.isEnded = true
            state.entries = [:]
            state.bytes = 0
        }
    }
}

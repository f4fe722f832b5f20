import NIOCore
import Synchronization

/// What plain and grouped caches share: names, request scope, options, and the engine below.
@usableFromInline
final class CacheCore<Value: Sendable>: Sendable {
    @usableFromInline let engine: CacheEngine<Value>
    @usableFromInline let counters: CacheCounters
    @usableFromInline let id: UInt64
    @usableFromInline let usesRequestScope: Bool
    private let prefix: String
    let updateWithoutStore: CacheOptions.UpdateWithoutStore

    init(engine: CacheEngine<Value>, options: CacheOptions) {
        self.engine = engine
        self.counters = engine.counters
        self.id = engine.shared.id
        self.usesRequestScope = engine.configuration.usesRequestScope
        self.prefix = engine.name.text
        self.updateWithoutStore = options.updateWithoutStore
    }

    // MARK: Names

    /// - Throws: ``OxbowError`` with `invalidKey` for an empty key or group.
    @usableFromInline
    func cell(_ key: String, in group: String?) throws -> CellAddress {
        guard !key.isEmpty else { throw OxbowError(.invalidKey, "an empty key") }
        let last = KeyEncoding.encode(key, isLast: true)
        guard let group else { return CellAddress(key: CellName(encoded: self.prefix + last)) }
        return CellAddress(key: try self.name(ofGroup: group), field: CellName(encoded: last))
    }

    func name(ofGroup group: String) throws -> CellName {
        guard !group.isEmpty else { throw OxbowError(.invalidKey, "an empty group") }
        return CellName(encoded: self.prefix + KeyEncoding.encode(group, isLast: true))
    }

    func scopeKey(_ key: String, _ group: String?) -> RequestScope.Key {
        RequestScope.Key(cache: self.id, group: group, key: key)
    }

    // MARK: Reads

    /// What the request scope remembers; looked up in the caller's own module, where the cast is cheap.
    @inlinable
    func remembered(_ key: String, in group: String?, acceptsAbsent: Bool = true) -> RequestScope.Box<Value>? {
        guard self.usesRequestScope, let box = RequestScope.known(self.id, group, key) as? RequestScope.Box<Value>,
            acceptsAbsent || box.value != nil
        else { return nil }
        self.counters.noteScopeHit()
        return box
    }

    /// Reads through, and remembers the value in the request scope if there is one.
    ///
    /// Compiled, as all that a hit passes, where the type of the values is known: looking up the types that are made of it
    /// is a tenth of what a hit costs.
    @inlinable
    func value(
        _ key: String,
        in group: String?,
        acceptsAbsent: Bool,
        timeToLive: Duration?,
        _ load: @escaping @Sendable () async throws -> Value?
    ) async throws -> Value? {
        if self.usesRequestScope, RequestScope.isOpen {
            return try await self.readAndRemember(key, in: group, acceptsAbsent, timeToLive, load)
        }
        var found: Int?
        return try await self.read(key, in: group, acceptsAbsent, timeToLive, load, &found)
    }

    @usableFromInline
    func readAndRemember(
        _ key: String,
        in group: String?,
        _ acceptsAbsent: Bool,
        _ timeToLive: Duration?,
        _ load: @escaping CacheEngine<Value>.Loader
    ) async throws -> Value? {
        let scope = RequestScope.current
        let scopeKey = self.scopeKey(key, group)
        let epoch = scope?.look(scopeKey).epoch
        var found: Int?
        let value = try await self.read(key, in: group, acceptsAbsent, timeToLive, load, &found)
        if let epoch, let scope { self.remember(value, of: found, for: scopeKey, in: scope, since: epoch) }
        return value
    }

    /// Has a scope remember a value; `bytes` is its size, `nil` if it was not found in the shared cache.
    func remember(
        _ value: Value?,
        of bytes: Int?,
        for key: RequestScope.Key,
        in scope: RequestScope,
        since epoch: RequestScope.Epoch
    ) {
        let average = self.engine.shared.valueBytes
        if let bytes { average.note(bytes) }
        scope.remember(value, for: key, since: epoch, bytes: bytes ?? (value == nil ? 0 : average.value))
    }

    /// Looks at the cell; only a miss goes through the engine.
    ///
    /// `found` becomes the size of a value that was found, in bytes.
    @inlinable
    func read(
        _ key: String,
        in group: String?,
        _ acceptsAbsent: Bool,
        _ timeToLive: Duration?,
        _ load: @escaping CacheEngine<Value>.Loader,
        _ found: inout Int?
    ) async throws -> Value? {
        let cell = try self.cell(key, in: group)
        let request = CacheEngine<Value>
            .Request(
                cell: cell,
                timeToLive: timeToLive,
                acceptsAbsent: acceptsAbsent
            )
        if self.engine.mayRead(cell) {
            guard let look = self.engine.looks.begin(cell) else { return try await self.engine.share(request, load) }
            let content: CellContent
            do {
                content = try await self.engine.store.read(cell)
            } catch {
                self.engine.looks.end(look, isHit: false)
                try self.engine.noteStoreFailure(error)
                return try await self.engine.value(request, after: nil, load)
            }
            switch self.engine.firstLook(content, of: cell, acceptsAbsent: acceptsAbsent) {
            case .hit(let value):
                found = content.valueBytes
                self.engine.looks.end(look, isHit: true)
                return value
            case .due(let value, let old):
                found = content.valueBytes
                self.engine.looks.end(look, isHit: true)
                await self.engine.refresh(request, old, load)
                return value
            case .miss(let content):
                self.engine.looks.end(look, isHit: false)
                return try await self.engine.value(request, after: content, load)
            }
        }
        return try await self.engine.value(request, after: nil, load)
    }

    func value(_ key: String, in group: String?) async throws -> Value? {
        let scopeKey = self.scopeKey(key, group)
        if let known = self.remembered(key, in: group) { return known.value }
        let scope = self.usesRequestScope ? RequestScope.current : nil
        let epoch = scope?.look(scopeKey).epoch
        let cell = try self.cell(key, in: group)
        guard self.engine.mayRead(cell) else { return nil }
        do {
            // Without a loader nobody would load an old value anew: it has come to its end.
            let content = self.engine.current(try await self.engine.store.read(cell))
            let value: Value?
            switch self.engine.firstLook(content, of: cell, acceptsAbsent: true) {
            case .hit(let found), .due(let found, _): value = found
            case .miss: return nil
            }
            if let epoch, let scope {
                self.remember(value, of: content.valueBytes, for: scopeKey, in: scope, since: epoch)
            }
            return value
        } catch {
            try self.engine.noteStoreFailure(error)
            return nil
        }
    }

    // MARK: Changes

    func set(_ value: Value, for key: String, in group: String?, timeToLive: Duration?) async throws {
        let cell = try self.cell(key, in: group)
        let envelope: Envelope
        do {
            envelope = try self.engine.coder.envelope(value)
        } catch let error as OxbowError {
            throw error
        } catch {
            throw OxbowError(.cannotEncode, "the codec threw", cause: error)
        }
        defer { RequestScope.forget(self.scopeKey(key, group)) }
        let (value, life) = self.engine.stamped(envelope, for: timeToLive ?? self.engine.configuration.timeToLive)
        let stored = try await callingStore {
            try await self.engine.store.set(cell, to: value, for: life)
        }
        guard stored else { throw OxbowError(.closed, "an update or a hold-off keeps the entry closed") }
    }

    func invalidate(_ key: String, in group: String?) async throws -> InvalidationOutcome {
        let cell = try self.cell(key, in: group)
        defer { self.forget(key, in: group) }
        return try await self.engine.invalidate(.cell(cell))
    }

    func invalidate(group: String) async throws -> InvalidationOutcome {
        let name = try self.name(ofGroup: group)
        defer { RequestScope.forget(group: group, of: self.id) }
        return try await self.engine.invalidate(.group(name))
    }

    func contains(_ key: String, in group: String?) async throws -> Bool {
        let cell = try self.cell(key, in: group)
        guard self.engine.mayRead(cell) else { return false }
        let content = try await callingStore { self.engine.current(try await self.engine.store.read(cell)) }
        guard self.engine.mayRead(cell), case .value(let envelope, _) = content else { return false }
        return self.engine.coder.value(envelope) != nil
    }

    func remainingTimeToLive(_ key: String, in group: String?) async throws -> Duration? {
        let cell = try self.cell(key, in: group)
        guard self.engine.mayRead(cell) else { return nil }
        return try await callingStore {
            let content = self.engine.current(try await self.engine.store.read(cell))
            guard self.engine.mayRead(cell), case .value(let envelope, _) = content else { return nil }
            guard envelope.expiry > 0 else { return try await self.engine.store.timeToLive(cell) }
            let now = self.engine.store.time
            return .milliseconds(envelope.expiry > now ? Int64(clamping: envelope.expiry - now) : 0)
        }
    }

    func forget(_ key: String, in group: String?) { RequestScope.forget(self.scopeKey(key, group)) }
}

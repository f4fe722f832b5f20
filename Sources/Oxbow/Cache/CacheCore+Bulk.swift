/// Many keys by one call.
extension CacheCore {
    /// Reads all, and loads what is missing by one call of the loader.
    ///
    /// Compiled where the type of the keys is known; ``values(ofTexts:in:timeToLive:_:)`` does the work.
    ///
    /// - Throws: ``OxbowError`` with `invalidKey`; the loader's errors; `CancellationError`.
    @inlinable
    func values<Key: CacheKey & Hashable>(
        _ keys: [Key],
        in group: String?,
        timeToLive: Duration?,
        _ load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
    ) async throws -> [Key: Value] {
        let keys = try Self.unique(keys)
        let found = try await self.values(ofTexts: keys.map(\.cacheKey), in: group, timeToLive: timeToLive) { places in
            let wanted = places.map { keys[$0] }
            let loaded = try await load(wanted)
            return wanted.map { loaded[$0] }
        }
        var values: [Key: Value] = [:]
        values.reserveCapacity(keys.count)
        for place in keys.indices {
            guard let value = found[place] else { continue }
            values[keys[place]] = value
        }
        return values
    }

    /// Reads the values of different keys, in their order; `load` gets the places of those that are missing.
    @usableFromInline
    func values(
        ofTexts texts: [String],
        in group: String?,
        timeToLive: Duration?,
        _ load: @escaping CacheEngine<Value>.BulkLoader
    ) async throws -> [Value?] {
        let cells = try texts.map { try self.cell($0, in: group) }
        guard let scope = self.usesRequestScope ? RequestScope.current : nil else {
            return try await self.engine.values(.init(cells: cells, timeToLive: timeToLive, load: load))
        }
        var values: [Value?] = Array(repeating: nil, count: texts.count)
        // The places of what is not remembered.
        var asked: [Int] = []
        var epochs: [RequestScope.Epoch?] = []
        for place in texts.indices {
            let known = scope.look(self.scopeKey(texts[place], group))
            if let box = known.box as? RequestScope.Box<Value> {
                self.counters.noteScopeHit()
                values[place] = box.value
            } else {
                asked.append(place)
                epochs.append(known.epoch)
            }
        }
        guard !asked.isEmpty else { return values }
        let bulk = CacheEngine<Value>
            .BulkRequest(cells: asked.map { cells[$0] }, timeToLive: timeToLive) { [asked] indices in
                try await load(indices.map { asked[$0] })
            }
        let found = try await self.engine.values(bulk)
        for (index, place) in asked.enumerated() {
            values[place] = found[index]
            guard let epoch = epochs[index] else { continue }
            self.remember(found[index], of: nil, for: self.scopeKey(texts[place], group), in: scope, since: epoch)
        }
        return values
    }

    /// Removes several entries; what cannot be done now is journaled, one by one.
    ///
    /// - Throws: ``OxbowError``: `invalidKey`, `notRunning`.
    func invalidate(_ keys: [String], in group: String?) async throws -> InvalidationOutcome {
        let cells = Array(Set(try keys.map { try self.cell($0, in: group) }))
        guard !cells.isEmpty else { return .applied }
        defer { for key in keys { self.forget(key, in: group) } }
        return try await self.engine.invalidate(cells)
    }

    /// The keys in order, each once.
    ///
    /// - Throws: ``OxbowError`` with `invalidKey` for two that have cells of their own and one place in a dictionary, or one
    ///   cell and two places.
    @inlinable
    static func unique<Key: CacheKey & Hashable>(_ keys: [Key]) throws -> [Key] {
        var seen: Set<Key> = []
        seen.reserveCapacity(keys.count)
        var unique: [Key] = []
        unique.reserveCapacity(keys.count)
        for key in keys {
            let (isNew, other) = seen.insert(key)
            if isNew {
                unique.append(key)
            } else if !other.cacheKey.utf8.elementsEqual(key.cacheKey.utf8) {
                throw Self.invalidKey("two keys of different bytes that are equal as keys of a dictionary")
            }
        }
        // Texts have been told apart already.
        if Key.self != String.self { try Self.checkTexts(unique.map(\.cacheKey)) }
        return unique
    }

    @usableFromInline
    static func checkTexts(_ texts: [String]) throws {
        var seen: Set<CellName> = []
        for text in texts where !seen.insert(CellName(encoded: text)).inserted {
            throw Self.invalidKey("two keys that are not equal have the same text")
        }
    }

    @usableFromInline
    static func invalidKey(_ message: String) -> OxbowError { OxbowError(.invalidKey, message) }
}

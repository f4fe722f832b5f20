/// Many keys by one call.
extension CacheCore {
    /// Reads all, and loads what is missing by one call of the loader.
    ///
    /// - Throws: ``OxbowError`` with `invalidKey`; the loader's errors; `CancellationError`.
    func values<Key: CacheKey & Hashable>(
        _ keys: [Key],
        in group: String?,
        timeToLive: Duration?,
        _ load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
    ) async throws -> [Key: Value] {
        let keys = try Self.unique(keys)
        let texts = keys.map(\.cacheKey)
        let scope = self.usesRequestScope ? RequestScope.current : nil
        var values: [Key: Value] = [:]
        values.reserveCapacity(keys.count)
        // The places in `keys` of what is not remembered.
        var asked: [Int] = []
        var cells: [CellAddress] = []
        var epochs: [RequestScope.Epoch?] = []
        for (place, key) in keys.enumerated() {
            let cell = try self.cell(texts[place], in: group)
            let known = scope?.look(self.scopeKey(texts[place], group))
            if let box = known?.box as? RequestScope.Box<Value> {
                self.counters.noteScopeHit()
                values[key] = box.value
            } else {
                asked.append(place)
                cells.append(cell)
                epochs.append(known?.epoch)
            }
        }
        guard !asked.isEmpty else { return values }
        let bulk = CacheEngine<Value>
            .BulkRequest(cells: cells, timeToLive: timeToLive) { [asked] indices in
                let wanted = indices.map { keys[asked[$0]] }
                let loaded = try await load(wanted)
                return wanted.map { loaded[$0] }
            }
        let found = try await self.engine.values(bulk)
        for index in asked.indices {
            values[keys[asked[index]]] = found[index]
            guard let scope, let epoch = epochs[index] else { continue }
            scope.remember(found[index], for: self.scopeKey(texts[asked[index]], group), since: epoch)
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
    private static func unique<Key: CacheKey & Hashable>(_ keys: [Key]) throws -> [Key] {
        var seen: Set<Key> = []
        let unique = try keys.filter { key in
            let (isNew, other) = seen.insert(key)
            guard isNew || other.cacheKey.utf8.elementsEqual(key.cacheKey.utf8) else {
                throw OxbowError(.invalidKey, "two keys of different bytes that are equal as keys of a dictionary")
            }
            return isNew
        }
        // Texts have been told apart already.
        guard Key.self != String.self else { return unique }
        var texts: Set<CellName> = []
        for key in unique where !texts.insert(CellName(encoded: key.cacheKey)).inserted {
            throw OxbowError(.invalidKey, "two keys that are not equal have the same text")
        }
        return unique
    }
}

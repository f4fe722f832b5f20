/// Many keys by one call.
extension CacheCore {
    /// Reads all, and loads what is missing by one call of the loader.
    ///
    /// - Throws: ``OxbowError`` with `invalidKey`; the loader's errors; `CancellationError`.
    func values(
        _ keys: [String],
        in group: String?,
        timeToLive: Duration?,
        _ load: @escaping CacheEngine<Value>.BulkLoader
    ) async throws -> [String: Value] {
        let keys = try Self.unique(keys)
        let scope = self.usesRequestScope ? RequestScope.current : nil
        var values: [String: Value] = [:]
        values.reserveCapacity(keys.count)
        var asked: [String] = []
        var cells: [CellAddress] = []
        var epochs: [RequestScope.Epoch?] = []
        for key in keys {
            let cell = try self.cell(key, in: group)
            let known = scope?.look(self.scopeKey(key, group))
            if let box = known?.box as? RequestScope.Box<Value> {
                self.counters.noteScopeHit()
                values[key] = box.value
            } else {
                asked.append(key)
                cells.append(cell)
                epochs.append(known?.epoch)
            }
        }
        guard !asked.isEmpty else { return values }
        let bulk = CacheEngine<Value>
            .BulkRequest(
                keys: asked,
                cells: cells,
                timeToLive: timeToLive,
                load: load
            )
        let found = try await self.engine.values(bulk)
        for index in asked.indices {
            values[asked[index]] = found[index]
            guard let scope, let epoch = epochs[index] else { continue }
            scope.remember(found[index], for: self.scopeKey(asked[index], group), since: epoch)
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
    /// - Throws: ``OxbowError`` with `invalidKey` for two that have cells of their own and one place in a dictionary.
    private static func unique(_ keys: [String]) throws -> [String] {
        var seen: Set<String> = []
        return try keys.filter { key in
            let (isNew, other) = seen.insert(key)
            guard isNew || other.utf8.elementsEqual(key.utf8) else {
                throw OxbowError(.invalidKey, "two keys of different bytes that are equal as strings")
            }
            return isNew
        }
    }
}

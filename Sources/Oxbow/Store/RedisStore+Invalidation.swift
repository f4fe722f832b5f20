import NIOCore
import RedisClient

/// Invalidations of cells, groups and whole caches; and what may undo them.
extension RedisStore {
    package func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        let call = Self.callInvalidate(cell, holdOff)
        try Self.check(try await self.client.execute(call, timeout: timeout), holdOff)
    }

    /// With a hold-off, the cell is closed by a writer that never opens it: always the same one, so that its end is moved.
    static func callInvalidate(_ cell: CellAddress, _ holdOff: Duration?) -> ScriptCall<Int> {
        guard let holdOff else {
            return self.call(RedisScripts.invalidate, cell, (), isIdempotent: true, ignoresCancellation: true)
        }
        let arguments = (Token.holdOff.bytes, holdOff.milliseconds, 1)
        return self.call(RedisScripts.close, cell, arguments, isIdempotent: true, ignoresCancellation: true)
    }

    /// - Throws: ``RedisError`` when the server had no memory for the mark of a hold-off.
    static func check(_ answer: Int, _ holdOff: Duration?) throws(RedisError) {
        guard holdOff == nil || answer == 1 else {
            throw .outOfMemory("the entry is deleted and not held off")
        }
    }

    package func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        let mark = CellAddress(key: key, field: CellName(encoded: RedisScripts.holdOffMark))
        let call = Self.call(
            RedisScripts.invalidateGroup,
            mark,
            (holdOff?.milliseconds ?? 0),
            isIdempotent: true,
            ignoresCancellation: true
        )
        try Self.check(try await self.client.execute(call, timeout: timeout), holdOff)
    }

    /// A claim in one script with the look for the mark.
    func claimUnlessHeldOff(_ cell: CellAddress, _ claim: ByteBuffer, _ life: Duration) async throws -> CellContent? {
        let call = self.callClaimUnlessHeldOff(cell, claim, life.milliseconds)
        return Self.outcome(ofClaim: try await self.client.execute(call, timeout: self.softTimeout))
    }

    func callClaimUnlessHeldOff(_ cell: CellAddress, _ claim: ByteBuffer, _ milliseconds: Int) -> ScriptCall<Int> {
        Self.call(RedisScripts.claimUnlessHeldOff, cell, (claim, milliseconds))
    }

    static func outcome(ofClaim reply: Int) -> CellContent? {
        switch reply {
        case 1: nil
        case 2: .closed
        default: .absent
        }
    }

    package func invalidate(namespace prefix: CellName) async throws {
        for try await keys in self.client.scan(matching: .prefix(prefix.text), count: 1000).pages {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in keys {
                    let cell = CellAddress(key: CellName(encoded: key))
                    group.addTask { try await self.purge(cell) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Removes an entry, or all entries of a group piece by piece.
    private func purge(_ cell: CellAddress) async throws {
        var cursor = 0
        repeat {
            cursor = try await self.client.execute(Self.call(RedisScripts.purge, cell, (cursor), isIdempotent: true))
        } while cursor != 0
    }
}

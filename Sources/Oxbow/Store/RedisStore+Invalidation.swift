import NIOCore
import RedisClient

/// Invalidations of cells, groups and whole caches; and what may undo them.
extension RedisStore {
    package func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        guard let holdOff else {
            _ = try await self.run(
                RedisScripts.invalidate,
                cell,
                arguments: (),
                isIdempotent: true,
                ignoresCancellation: true,
                timeout: timeout
            )
            return
        }
        // Closed by a writer that never opens.
        _ = try await self.run(
            RedisScripts.close,
            cell,
            arguments: (Token.random().bytes, holdOff.milliseconds, 1),
            isIdempotent: true,
            ignoresCancellation: true,
            timeout: timeout
        )
    }

    package func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        let mark = CellAddress(key: key, field: Self.holdOffMark)
        _ = try await self.run(
            RedisScripts.invalidateGroup,
            mark,
            arguments: (holdOff?.milliseconds ?? 0),
            isIdempotent: true,
            ignoresCancellation: true,
            timeout: timeout
        )
    }

    /// The field that says that nothing may be filled in a hash; no key is encoded so.
    private static let holdOffMark = CellName(encoded: "{hold-off}")

    /// A claim in one script with the look for the mark.
    func claimUnlessHeldOff(_ cell: CellAddress, _ claim: ByteBuffer, _ life: Duration) async throws -> CellContent? {
        let call = self.callClaimUnlessHeldOff(cell, claim, life.milliseconds)
        return Self.outcome(ofClaim: try await self.client.execute(call, timeout: self.softTimeout))
    }

    func callClaimUnlessHeldOff(_ cell: CellAddress, _ claim: ByteBuffer, _ milliseconds: Int) -> ScriptCall<Int> {
        ScriptCall(
            RedisScripts.claimUnlessHeldOff,
            keys: (cell.key),
            arguments: (cell.field ?? CellName(encoded: ""), claim, milliseconds, Self.holdOffMark)
        )
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
                    group.addTask {
                        _ = try await self.run(
                            RedisScripts.purge,
                            cell,
                            arguments: (Self.holdOffMark),
                            isIdempotent: true
                        )
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    package func masters(after pause: Duration) async throws -> MasterSighting {
        // Whoever watches any key is told when a connection is lost.
        try await self.client.watches.with(ByteBuffer()) { watch in
            watch.begin()
            try await watch.wait(until: .now + pause)
        }
        let (identities, isComplete) = try await self.client.sightMasters(timeout: .seconds(1))
        return MasterSighting(identities, isComplete: isComplete)
    }
}

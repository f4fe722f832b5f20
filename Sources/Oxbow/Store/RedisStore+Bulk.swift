import NIOCore
import RESP
import RedisClient

/// Several cells in one pipeline: one round trip for each node, all nodes at once.
extension RedisStore {
    package func read(_ cells: [CellAddress]) async throws -> [Result<CellContent, any Error>] {
        try await self.inPieces(cells) { cells in
            let contents: [Result<Bytes?, RedisError>]
            if let first = cells.first, first.field != nil {
                let fields = cells.compactMap(\.field)
                let command = MasterRead(HMGET(first.key, fields, as: Bytes.self))
                // One command, one answer for all.
                let pipeline = try await self.client.execute(pipeline: [command], timeout: self.softTimeout)
                contents = cells.indices.map { index in
                    pipeline[0]
                        .flatMap { values in
                            values.indices.contains(index) ? .success(values[index]) : .failure(.missingField)
                        }
                }
            } else {
                let commands = cells.map { MasterRead(GET($0.key, as: Bytes.self)) }
                contents = try await self.client.execute(pipeline: commands, timeout: self.softTimeout)
            }
            return contents.map { $0.map { CellContent($0?.slice) }.foreignAsUnusable(.unusable(nil)) }
        }
    }

    package func claim(_ claims: [CellClaim], for life: Duration) async throws -> [Result<CellContent?, any Error>] {
        var results: [Result<CellContent?, any Error>] = claims.map { _ in .success(.absent) }
        var (plain, replacing): ([Int], [Int]) = ([], [])
        for (index, claim) in claims.enumerated() {
            if case .unusable = claim.found { replacing.append(index) } else { plain.append(index) }
        }
        let first = try await self.inPieces(plain.map { claims[$0] }) { try await self.claimAbsent($0, life) }
        for (index, result) in zip(plain, first) { results[index] = result }
        let second = try await self.inPieces(replacing.map { claims[$0] }) { try await self.claimUnusable($0, life) }
        for (index, result) in zip(replacing, second) { results[index] = result }
        return results
    }

    private func claimAbsent(
        _ claims: [CellClaim],
        _ life: Duration
    ) async throws -> [Result<CellContent?, RedisError>] {
        let life = life.milliseconds
        let results: [Result<CellContent?, RedisError>]
        if claims.first?.cell.field == nil {
            let commands = claims.map { claim in
                ClaimKey(key: claim.cell.key, claim: CellContent.encodedClaim(claim.token), milliseconds: life)
            }
            results = try await self.client.execute(pipeline: commands, timeout: self.softTimeout)
                .map { $0.map { bytes in bytes.map { CellContent($0.slice) } } }
        } else if self.holdsGroupsOff {
            let calls = claims.map { claim in
                self.callClaimUnlessHeldOff(claim.cell, CellContent.encodedClaim(claim.token), life)
            }
            results = try await self.client.execute(pipeline: calls, timeout: self.softTimeout)
                .map { $0.map(Self.outcome(ofClaim:)) }
        } else if self.client.server?.supports("hsetex") ?? false {
            // Several fields in one FNX would be all or nothing.
            let commands = claims.map { claim in
                ClaimField(
                    key: claim.cell.key,
                    field: claim.cell.field ?? CellName(encoded: ""),
                    claim: CellContent.encodedClaim(claim.token),
                    milliseconds: life
                )
            }
            results = try await self.client.execute(pipeline: commands, timeout: self.softTimeout)
                .map { $0.map { $0 == 1 ? nil : .absent } }
        } else {
            results = try await self.claimInTransaction(claims, life)
        }
        return results.map { $0.foreignAsUnusable(.unusable(nil)) }
    }

    /// HSETNX for each field, HPEXPIRE NX and HMGET for all, in one transaction: what stands in the fields afterwards tells
    /// which are won.
    private func claimInTransaction(
        _ claims: [CellClaim],
        _ life: Int
    ) async throws -> [Result<CellContent?, RedisError>] {
        guard let key = claims.first?.cell.key else { return [] }
        let fields = claims.compactMap(\.cell.field)
        let wanted = claims.map { CellContent.encodedClaim($0.token) }
        let commands =
            zip(fields, wanted).map { FieldClaimStep.set(key, $0, $1) }
            + [.expire(key, fields, milliseconds: life), .get(key, fields)]
        let replies = try await self.client.execute(transaction: commands, timeout: self.softTimeout)
        let found: [RESPValue]
        switch replies.last {
        case .success(.array(let values)) where values.count == claims.count: found = values
        case .success, nil: return claims.map { _ in .failure(.missingField) }
        case .failure(let error): return claims.map { _ in .failure(error) }
        }
        return zip(found, wanted)
            .map { value, claim in
                guard case .string(let bytes) = value else { return .success(.absent) }
                return .success(bytes == claim ? nil : CellContent(bytes))
            }
    }

    private func claimUnusable(
        _ claims: [CellClaim],
        _ life: Duration
    ) async throws -> [Result<CellContent?, RedisError>] {
        let calls = claims.map { claim in
            var seen = ByteBuffer()
            // What is longer than any cell may be needs no comparison, and is not sent back to be compared.
            if case .unusable(let bytes?) = claim.found, bytes.readableBytes <= self.longestCell { seen = bytes }
            let arguments = (seen, CellContent.encodedClaim(claim.token), life.milliseconds, self.longestCell)
            return Self.call(RedisScripts.claimReplacing, claim.cell, arguments)
        }
        return try await self.client.execute(pipeline: calls, timeout: self.softTimeout)
            .map { $0.map { $0 == 1 ? nil : .absent } }
    }

    package func renew(_ claims: [CellClaim], for life: Duration) async throws {
        _ = try await self.inPieces(claims) { claims in
            let calls = claims.map { claim in
                Self.call(
                    RedisScripts.renew,
                    claim.cell,
                    (CellContent.encodedClaim(claim.token), life.milliseconds),
                    ignoresCancellation: true
                )
            }
            return try await self.client.execute(pipeline: calls, timeout: self.softTimeout)
        }
    }

    package func fill(_ fills: [CellFill]) async throws -> [Result<Bool, any Error>] {
        try await self.inPieces(fills, sizes: fills.map(\.value.payload.readableBytes)) { fills in
            let calls = fills.map { fill in
                let arguments = (CellContent.encodedClaim(fill.claim.token), fill.value.encoded, fill.life.milliseconds)
                return Self.call(RedisScripts.fill, fill.claim.cell, arguments, ignoresCancellation: true)
            }
            return try await self.client.execute(pipeline: calls, timeout: self.softTimeout).map { $0.map { $0 == 1 } }
        }
    }

    package func claimRefresh(
        _ refreshes: [CellRefresh],
        for life: Duration
    ) async throws -> [Result<Bool, any Error>] {
        try await self.inPieces(refreshes) { refreshes in
            let calls = refreshes.map { refresh in
                let arguments = (refresh.old.header, refresh.claim.token.bytes, life.milliseconds)
                return Self.call(RedisScripts.refresh, refresh.claim.cell, arguments)
            }
            return try await self.client.execute(pipeline: calls, timeout: self.softTimeout).map { $0.map { $0 == 1 } }
        }
    }

    package func release(_ claims: [CellClaim], leavingPassFor life: Duration?) async throws {
        // In one piece, however many: nobody waits for an answer to send the next.
        let calls = claims.map { claim in
            Self.call(
                RedisScripts.release,
                claim.cell,
                (CellContent.encodedClaim(claim.token), CellContent.encodedPass, life?.milliseconds ?? 0),
                ignoresCancellation: true
            )
        }
        _ = try await self.client.execute(pipeline: calls, timeout: .milliseconds(1))
    }

    package func invalidate(_ cells: [CellAddress], holdOff: Duration?, timeout: Duration?) async throws -> [Result<
        Void, any Error
    >] {
        try await self.inPieces(cells) { cells in
            let calls = cells.map { Self.callInvalidate($0, holdOff) }
            return try await self.client.execute(pipeline: calls, timeout: timeout)
                .map { $0.checked { answer throws(RedisError) in try Self.check(answer, holdOff) } }
        }
    }

    package func close(
        _ cells: [CellAddress],
        _ token: Token,
        for life: Duration,
        isRenewal: Bool
    ) async throws -> [Result<Void, any Error>] {
        try await self.inPieces(cells) { cells in
            let calls = cells.map { Self.callClose($0, token, life, isRenewal: isRenewal) }
            return try await self.client.execute(pipeline: calls, timeout: self.softTimeout)
                .map { $0.checked { answer throws(RedisError) in try Self.checkClosed(answer) } }
        }
    }

    package func open(_ cells: [CellAddress], _ token: Token, holdOff: Duration?) async throws -> [Result<
        Void, any Error
    >] {
        try await self.inPieces(cells) { cells in
            let calls = cells.map { Self.callOpen($0, token, storing: nil, for: .zero, holdOff: holdOff) }
            return try await self.client.execute(pipeline: calls, timeout: self.softTimeout)
                .map { $0.checked { answer throws(RedisError) in _ = try Self.checkOpen(answer) } }
        }
    }

    // MARK: How

    static func call<each Argument: RESPArgument>(
        _ script: Script,
        _ cell: CellAddress,
        _ arguments: (repeat each Argument),
        isIdempotent: Bool = false,
        ignoresCancellation: Bool = false
    ) -> ScriptCall<Int> {
        ScriptCall(
            script,
            keys: (cell.key),
            arguments: (cell.field ?? CellName(encoded: ""), repeat each arguments),
            isIdempotent: isIdempotent,
            ignoresCancellation: ignoresCancellation
        )
    }

    /// No pipeline is longer, so that it holds up neither the server nor the connection's other callers for long.
    private static var mostCommands: Int { 1000 }
    /// Nor has it more bytes than this, and one command's.
    private static var mostBytes: Int { 4 * 1024 * 1024 }

    /// Does one piece after another.
    ///
    /// When a piece has no answer at all, the rest is not tried.
    private func inPieces<Item, Answer>(
        _ items: [Item],
        sizes: [Int] = [],
        _ body: ([Item]) async throws -> [Result<Answer, RedisError>]
    ) async throws -> [Result<Answer, any Error>] {
        var results: [Result<Answer, any Error>] = []
        results.reserveCapacity(items.count)
        var start = 0
        while start < items.count {
            var (end, size) = (start, 0)
            while end < items.count, end - start < Self.mostCommands, size < Self.mostBytes {
                size += sizes.isEmpty ? 0 : sizes[end]
                end += 1
            }
            do {
                for result in try await body(Array(items[start..<end])) {
                    results.append(result.mapError { $0 as any Error })
                }
            } catch let error as RedisError {
                for _ in start..<items.count { results.append(.failure(error)) }
                return results
            }
            start = end
        }
        return results
    }
}

extension Result where Failure == RedisError {
    /// Interprets a script's answer, which may say that something was not done.
    fileprivate func checked<Value>(_ check: (Success) throws(RedisError) -> Value) -> Result<Value, RedisError> {
        self.flatMap { answer in Result<Value, RedisError> { () throws(RedisError) in try check(answer) } }
    }

    /// A key of another type is no failure.
    fileprivate func foreignAsUnusable(_ unusable: Success) -> Self {
        guard case .failure(let error) = self, error.serverError == "WRONGTYPE" else { return self }
        return .success(unusable)
    }
}

extension RedisError {
    fileprivate static var missingField: RedisError {
        RedisError(.unexpectedReply, "not as many values as fields", delivery: .unknown)
    }
}

/// A step of claiming several fields where the server has no HSETEX.
private enum FieldClaimStep: RedisCommand {
    typealias Response = RESPValue
    case set(CellName, CellName, ByteBuffer)
    case expire(CellName, [CellName], milliseconds: Int)
    case get(CellName, [CellName])

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .set(let key, let field, let claim): HSETNX(key, field, claim).encode(into: &buffer)
        case .expire(let key, let fields, let milliseconds):
            HPEXPIRE(key, .milliseconds(milliseconds), fields, condition: .ifNone).encode(into: &buffer)
        case .get(let key, let fields): HMGET(key, fields, as: ByteBuffer.self).encode(into: &buffer)
        }
    }

    func addKeys(to keys: inout CommandKeys) {
        switch self {
        case .set(let key, _, _), .expire(let key, _, _), .get(let key, _): keys.add(key)
        }
    }
}

/// A claim on one of several cells: before it is sent, and while it stands.
@usableFromInline
package struct CellClaim: Sendable {
    package let cell: CellAddress
    package let token: Token
    /// What was seen in the cell: unusable bytes are replaced, anything else must be gone.
    package let found: CellContent

    package init(_ cell: CellAddress, _ token: Token, found: CellContent = .absent) {
        self.cell = cell
        self.token = token
        self.found = found
    }
}

/// A value for one of several cells, and the claim under which it was loaded.
@usableFromInline
package struct CellFill: Sendable {
    package let claim: CellClaim
    package let value: Envelope
    package let life: Duration

    package init(_ claim: CellClaim, with value: Envelope, for life: Duration) {
        self.claim = claim
        self.value = value
        self.life = life
    }
}

/// A value in one of several cells that is to be loaded anew, and the token of who does that.
@usableFromInline
package struct CellRefresh: Sendable {
    package let claim: CellClaim
    package let old: Envelope

    package init(_ claim: CellClaim, of old: Envelope) {
        self.claim = claim
        self.old = old
    }
}

/// One cell after another, for a store that is not far away.
extension CacheStore {
    package func read(_ cells: [CellAddress]) async throws -> [Result<CellContent, any Error>] {
        try await self.each(cells) { try await self.read($0) }
    }

    package func claim(_ claims: [CellClaim], for life: Duration) async throws -> [Result<CellContent?, any Error>] {
        try await self.each(claims) { claim in
            guard case .unusable(let bytes) = claim.found else {
                return try await self.claim(claim.cell, claim.token, for: life)
            }
            return try await self.claim(claim.cell, claim.token, for: life, replacing: bytes) ? nil : .absent
        }
    }

    package func renew(_ claims: [CellClaim], for life: Duration) async throws {
        _ = try await self.each(claims) { try await self.renew($0.cell, $0.token, for: life) }
    }

    package func fill(_ fills: [CellFill]) async throws -> [Result<Bool, any Error>] {
        try await self.each(fills) {
            try await self.fill($0.claim.cell, $0.claim.token, with: $0.value, for: $0.life)
        }
    }

    package func claimRefresh(
        _ refreshes: [CellRefresh],
        for life: Duration
    ) async throws -> [Result<Bool, any Error>] {
        try await self.each(refreshes) {
            try await self.claimRefresh($0.claim.cell, $0.claim.token, of: $0.old, for: life)
        }
    }

    package func release(_ claims: [CellClaim], leavingPassFor life: Duration?) async throws {
        _ = try await self.each(claims) { try await self.release($0.cell, $0.token, leavingPassFor: life) }
    }

    package func close(
        _ cells: [CellAddress],
        _ token: Token,
        for life: Duration,
        isRenewal: Bool
    ) async throws -> [Result<Void, any Error>] {
        try await self.each(cells) { try await self.close($0, token, for: life, isRenewal: isRenewal) }
    }

    package func open(_ cells: [CellAddress], _ token: Token, holdOff: Duration?) async throws -> [Result<
        Void, any Error
    >] {
        try await self.each(cells) { _ = try await self.open($0, token, storing: nil, for: .zero, holdOff: holdOff) }
    }

    package func invalidate(_ cells: [CellAddress], holdOff: Duration?, timeout: Duration?) async throws -> [Result<
        Void, any Error
    >] {
        try await self.each(cells) { try await self.invalidate($0, holdOff: holdOff, timeout: timeout) }
    }

    private func each<Item, Answer>(
        _ items: [Item],
        _ body: (Item) async throws -> Answer
    ) async throws -> [Result<Answer, any Error>] {
        var results: [Result<Answer, any Error>] = []
        results.reserveCapacity(items.count)
        for item in items {
            do {
                results.append(.success(try await body(item)))
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                results.append(.failure(error))
            }
        }
        return results
    }
}

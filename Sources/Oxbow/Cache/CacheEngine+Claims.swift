/// Claiming a cell: alone, or together with other callers of this process.
extension CacheEngine {
    enum Claim {
        case won(Token, Flight<Value>)
        case lost(CellContent?)
        case failed
    }

    /// Claims together with other callers of this process: one claim of a cell is on its way, and one more waits behind it for
    /// all who come meanwhile.
    ///
    /// What a claim finds that was sent behind a caller's look is as good as the caller's own next look: so its load may be
    /// joined (rule 4).
    func claimOnce(_ request: Request, _ content: CellContent) async throws -> Claim {
        guard case .absent = content else { return try await self.claim(request, content) }
        let (cell, claims) = (request.cell, self.shared.claims)
        let end = ContinuousClock.now + self.configuration.longestWait
        let own: Flight<CellContent>
        switch claims.turn(for: cell) {
        case .first(let flight): own = flight
        case .after(let running, let next):
            do {
                if case .failed(let error) = try await running.wait(until: end) {
                    claims.withdraw(next, for: cell)
                    next.finish(.failed(error))
                    return .failed
                }
            } catch {
                claims.withdraw(next, for: cell)
                next.finish(.abandoned)
                throw error
            }
            own = next
            claims.start(own, for: cell)
        case .join(let coming):
            switch try await coming.wait(until: end) {
            case .value(let found?): return .lost(found)
            case .failed: return .failed
            default: return .lost(nil)
            }
        }
        defer {
            claims.end(own, for: cell)
            // If nothing is known by now.
            own.finish(.abandoned)
        }
        let claim = try await self.claim(request, content)
        switch claim {
        case .won(let token, _): own.finish(.value(.claim(token)))
        case .lost(let found?) where found != .absent: own.finish(.value(found))
        // Those who came meanwhile would fare no better.
        case .failed: own.finish(.failed(ClaimFailed()))
        case .lost: break
        }
        return claim
    }

    private func claim(_ request: Request, _ content: CellContent) async throws -> Claim {
        let token = Token.random()
        let flight = self.loads.announce(token, self.newInterest())
        do {
            let life = self.configuration.claimLife
            if case .unusable(let bytes) = content {
                let won = try await self.store.claim(request.cell, token, for: life, replacing: bytes)
                if won { return .won(token, flight) }
                self.loads.remove(token)
                return .lost(nil)
            }
            guard let found = try await self.store.claim(request.cell, token, for: life) else {
                return .won(token, flight)
            }
            self.loads.remove(token)
            return .lost(found)
        } catch {
            // Whether the claim stands is not known. Nobody may wait for this load, and the release that follows the claim
            // on the same way gives the cell back.
            self.loads.remove(token)
            flight.finish(.abandoned)
            try? await self.store.release(request.cell, token)
            try self.noteStoreFailure(error)
            return .failed
        }
    }
}

/// A claim that the store did not carry out; the error itself has been noted.
private struct ClaimFailed: Error {}

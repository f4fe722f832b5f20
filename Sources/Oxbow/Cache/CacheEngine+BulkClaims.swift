/// Claiming several cells, loading them by one call, and storing what came of it.
extension CacheEngine {
    /// One of the claims that a bulk read has won.
    struct Lead {
        let index: Int
        let claim: CellClaim
        let flight: Flight<Value>
    }

    /// Claims what is free.
    ///
    /// - Returns: what was won, and is to be loaded at once.
    func claim(_ bulk: BulkRequest, _ course: inout BulkCourse) async throws -> [Lead] {
        let free = course.free
        guard !free.isEmpty else { return [] }
        course.free = []
        guard self.mayClaim else {
            course.unclaimed += free.map { Unclaimed(index: $0.index, reason: .cellIsTaken) }
            return []
        }
        // Announced before it is sent, so that nobody sees a claim and not its load.
        let interest = self.newInterest()
        let wanted = free.map { index, content in
            let claim = CellClaim(bulk.cells[index], .random(), found: content)
            return Lead(index: index, claim: claim, flight: self.loads.announce(claim.token, interest))
        }
        let results: [Result<CellContent?, any Error>]
        do {
            results = try await self.store.claim(wanted.map(\.claim), for: self.configuration.claimLife)
        } catch {
            await self.abandon(wanted)
            throw error
        }
        var leads: [Lead] = []
        var unknown: [Lead] = []
        var failures = Failures()
        for (lead, result) in zip(wanted, results) {
            switch result {
            case .success(nil): leads.append(lead)
            case .success(let found?):
                self.loads.remove(lead.claim.token)
                if found == .absent {
                    course.unseen.append(lead.index)
                } else {
                    course.note(self.settled(found, of: bulk.cells[lead.index], acceptsAbsent: true), at: lead.index)
                }
            case .failure(let error):
                failures.add(error)
                unknown.append(lead)
                course.unclaimed.append(Unclaimed(index: lead.index, reason: .storeIsAway))
            }
        }
        if !unknown.isEmpty { await self.abandon(unknown) }
        self.note(failures)
        return leads
    }

    /// Gives up claims of which it is not known whether they stand.
    private func abandon(_ leads: [Lead]) async {
        for lead in leads {
            self.loads.remove(lead.claim.token)
            lead.flight.finish(.abandoned)
        }
        try? await self.store.release(leads.map(\.claim))
    }

    /// Has all that is claimed, and what is loaded past in any case, loaded by one call, and waits for it.
    ///
    /// In a task of its own, as the form for one key.
    func lead(_ bulk: BulkRequest, _ leads: [Lead], _ past: [Int], _ course: inout BulkCourse) async throws {
        let indices = leads.map(\.index) + past
        let loaded: [Value?]
        if let interest = leads.first?.flight.interest {
            let values = try await self.surviving(interest) { try await self.loadAndFill(bulk, leads, indices) }
            loaded = values ?? []
        } else {
            loaded = try await self.loadAndFill(bulk, leads, indices)
        }
        for (index, value) in zip(indices, loaded) { course.values[index] = value }
    }

    /// Loads by one call, hands the values to those who wait, and stores those whose claims are still there.
    private func loadAndFill(
        _ bulk: BulkRequest,
        _ leads: [Lead],
        _ indices: [Int]
    ) async throws -> [Value?] {
        defer { for lead in leads { self.loads.remove(lead.claim.token) } }
        let claims = leads.map(\.claim)
        let interest = leads.first?.flight.interest
        let start = ContinuousClock.now
        let loaded: [Value?]
        do {
            loaded = try await self.load(bulk, indices, leads.map(\.flight)) { [store, configuration] in
                if !claims.isEmpty { try? await store.renew(claims, for: configuration.claimLife) }
            }
        } catch {
            let isAbandoned = Self.isAbandoned(error)
            interest?.complete()
            // Waiters read again and one of them leads: the claims must be on their way out of the cells by then.
            if isAbandoned { try? await self.store.release(claims) }
            for lead in leads { lead.flight.finish(isAbandoned ? .abandoned : .failed(error)) }
            if !isAbandoned { try? await self.store.release(claims, leavingPassFor: Self.pass(after: start)) }
            throw error
        }
        interest?.complete()
        for (lead, value) in zip(leads, loaded) { lead.flight.finish(.value(value)) }
        await self.fill(claims, loaded, for: bulk.timeToLive, since: start)
        return loaded
    }

    /// Calls the loader once.
    ///
    /// - Returns: the values in the order of `indices`.
    func load(
        _ bulk: BulkRequest,
        _ indices: [Int],
        _ flights: [Flight<Value>],
        renew: @escaping @Sendable () async -> Void = {}
    ) async throws -> [Value?] {
        try await self.run(
            { try await bulk.load(indices) },
            of: Set(indices.map { bulk.cells[$0] }),
            flights,
            renew: renew
        )
    }

    /// Stores values under their claims, or under refreshers' tokens; `start` is when their load began.
    func fill(
        _ claims: [CellClaim],
        _ values: [Value?],
        for timeToLive: Duration?,
        since start: ContinuousClock.Instant
    ) async {
        let cost = start.duration(to: .now)
        var fills: [CellFill] = []
        // Callers have their values; these claims must not keep others waiting.
        var unstored: [CellClaim] = []
        for (claim, value) in zip(claims, values) {
            guard let life = self.life(of: value, timeToLive) else {
                unstored.append(claim)
                continue
            }
            do {
                let loaded = if let value { try self.coder.envelope(value) } else { Envelope.knownAbsent }
                self.shared.valueBytes.note(loaded.length)
                let (envelope, cellLife) = self.stamped(loaded, for: life, cost: cost)
                fills.append(CellFill(claim, with: envelope, for: cellLife))
            } catch {
                self.noteFailedFill(error)
                unstored.append(claim)
            }
        }
        do {
            for (fill, result) in zip(fills, try await self.store.fill(fills)) {
                switch result {
                case .success(true): break
                case .success(false): self.counters.refusedFills.increment()
                case .failure(let error):
                    self.noteFailedFill(error)
                    unstored.append(fill.claim)
                }
            }
        } catch {
            self.noteFailedFill(error, count: UInt64(fills.count))
            unstored += fills.map(\.claim)
        }
        guard !unstored.isEmpty else { return }
        try? await self.store.release(unstored, leavingPassFor: Self.pass(after: start))
    }
}

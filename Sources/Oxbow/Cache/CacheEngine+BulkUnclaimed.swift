/// Loading several cells without claims, with one running and one coming load for each key (rule 5).
///
/// A running load waits for nothing, a coming one only for running ones, and who joins a coming one holds none meanwhile:
/// so nobody waits in a circle.
extension CacheEngine {
    /// A load of this call, and the key it is for.
    private struct Own: Sendable {
        let key: Unclaimed
        let flight: Flight<Value>
    }

    private struct Coming: Sendable {
        let own: Own
        let running: Flight<Value>
    }

    private struct Joined: Sendable {
        let key: Unclaimed
        let flight: Flight<Value>
    }

    private struct Outcome: Sendable {
        var values: [(index: Int, value: Value?)] = []
        /// Those whose joined load came to nothing.
        var rest: [Unclaimed] = []
    }

    /// Loads at once, by one call, what nobody loads; by another one, behind the running loads, what runs and has no coming
    /// load; and shares the coming loads of others.
    func loadUnclaimed(_ bulk: BulkRequest, _ keys: [Unclaimed]) async throws -> [(index: Int, value: Value?)] {
        var values: [(index: Int, value: Value?)] = []
        var rest = keys
        while !rest.isEmpty {
            // One for all: as many calls of loaders run at once as there are places.
            let isAway = rest.contains { $0.reason == .storeIsAway }
            let place = try await self.place(for: isAway ? .storeIsAway : .cellIsTaken)
            defer { place?.giveBack() }
            // A load that runs for longer counts as lost.
            let end = ContinuousClock.now + self.configuration.longestWait
            var (now, coming, joined): ([Own], [Coming], [Joined]) = ([], [], [])
            for key in rest {
                switch self.shared.unclaimed.turn(for: bulk.cells[key.index]) {
                case .first(let flight): now.append(Own(key: key, flight: flight))
                case .after(let running, let own):
                    coming.append(Coming(own: Own(key: key, flight: own), running: running))
                case .join(let flight): joined.append(Joined(key: key, flight: flight))
                }
            }
            rest = []
            if now.isEmpty, coming.isEmpty { place?.giveBack() }
            try await withThrowingTaskGroup(of: Outcome.self) { [now, coming, joined] group in
                if !now.isEmpty { group.addTask { Outcome(values: try await self.loadNow(bulk, now)) } }
                if !coming.isEmpty {
                    group.addTask { Outcome(values: try await self.loadNext(bulk, coming, until: end)) }
                }
                if !joined.isEmpty { group.addTask { try await self.join(joined, until: end) } }
                for try await outcome in group {
                    values += outcome.values
                    rest += outcome.rest
                }
            }
        }
        return values
    }

    private func loadNow(_ bulk: BulkRequest, _ own: [Own]) async throws -> [(index: Int, value: Value?)] {
        defer { for own in own { self.shared.unclaimed.end(own.flight, for: bulk.cells[own.key.index]) } }
        let indices = own.map(\.key.index)
        do {
            let values = try await self.load(bulk, indices, own.map(\.flight))
            for (own, value) in zip(own, values) { own.flight.finish(.value(value)) }
            return zip(indices, values).map { ($0, $1) }
        } catch {
            let isAbandoned = Self.isAbandoned(error)
            for own in own { own.flight.finish(isAbandoned ? .abandoned : .failed(error)) }
            throw error
        }
    }

    /// Waits until all of the running loads have ended: their keys are loaded by one call.
    private func loadNext(
        _ bulk: BulkRequest,
        _ coming: [Coming],
        until end: ContinuousClock.Instant
    ) async throws -> [(index: Int, value: Value?)] {
        var values: [(index: Int, value: Value?)] = []
        var own: [Own] = []
        do {
            for coming in coming { _ = try await coming.running.wait(until: end) }
        } catch {
            for coming in coming { self.withdraw(coming.own, bulk, .abandoned) }
            throw error
        }
        // The look is the loads' beginning: whoever comes behind it does not share what it finds.
        for coming in coming { self.shared.unclaimed.start(coming.own.flight, for: bulk.cells[coming.own.key.index]) }
        do {
            let found = try await self.lookAgain(
                bulk,
                coming.map(\.own.key).filter { $0.reason == .waitedTooLong }.map(\.index)
            )
            for coming in coming {
                if let value = found[coming.own.key.index] {
                    self.end(coming.own, bulk, .value(value))
                    values.append((coming.own.key.index, value))
                } else {
                    own.append(coming.own)
                }
            }
        } catch {
            for coming in coming { self.end(coming.own, bulk, .abandoned) }
            throw error
        }
        guard !own.isEmpty else { return values }
        return values + (try await self.loadNow(bulk, own))
    }

    private func end(_ own: Own, _ bulk: BulkRequest, _ outcome: LoadOutcome<Value>) {
        self.shared.unclaimed.end(own.flight, for: bulk.cells[own.key.index])
        own.flight.finish(outcome)
    }

    private func withdraw(_ own: Own, _ bulk: BulkRequest, _ outcome: LoadOutcome<Value>) {
        self.shared.unclaimed.withdraw(own.flight, for: bulk.cells[own.key.index])
        own.flight.finish(outcome)
    }

    /// A look that a failing store makes none.
    ///
    /// - Returns: the values found, by index.
    private func lookAgain(_ bulk: BulkRequest, _ indices: [Int]) async throws -> [Int: Value?] {
        let indices = indices.filter { self.mayRead(bulk.cells[$0]) }
        guard !indices.isEmpty else { return [:] }
        var found: [Int: Value?] = [:]
        var failures = Failures()
        for (index, result) in zip(indices, try await self.store.read(indices.map { bulk.cells[$0] })) {
            switch result {
            case .success(let content):
                if case .hit(let value) = self.settled(content, of: bulk.cells[index], acceptsAbsent: true) {
                    found.updateValue(value, forKey: index)
                }
            case .failure(let error): failures.add(error)
            }
        }
        self.note(failures)
        return found
    }

    private func join(_ joined: [Joined], until end: ContinuousClock.Instant) async throws -> Outcome {
        var outcome = Outcome()
        for joined in joined {
            switch try await joined.flight.wait(until: end) {
            case .value(let value):
                self.counters.joins.increment()
                outcome.values.append((joined.key.index, value))
            case .failed(let error): throw error
            case .abandoned, .tooLong: outcome.rest.append(joined.key)
            }
        }
        return outcome
    }
}

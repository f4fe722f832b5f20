import Logging
import RedisClient
import Resilience

/// The work on what is owed, for as long as an instance runs.
extension InvalidationJournal {
    /// Carries out what is owed as soon as that is possible; until cancelled.
    ///
    /// Caches are emptied beside the single invalidations, which do not wait for that. `holdOff` is asked at each attempt: caches
    /// may be made meanwhile.
    func run(
        _ store: any CacheStore,
        holdOff: @autoclosure @escaping @Sendable () -> Duration?,
        _ logger: Logger
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.replay(store, holdOff: holdOff, logger) }
            group.addTask { await self.emptyBypassed(store, holdOff: holdOff, logger) }
        }
    }

    private func replay(
        _ store: any CacheStore,
        holdOff: @Sendable () -> Duration?,
        _ logger: Logger
    ) async {
        for await _ in self.work where !self.owesNothing {
            logger.notice("invalidations wait to be carried out", metadata: self.metadata)
            var pause = Backoff(initial: .milliseconds(20), maximum: .milliseconds(500))
            var logged: Set<String> = []
            while !self.owesNothing, !Task.isCancelled {
                guard let error = await self.carryOut(store, holdOff: holdOff(), isFirst: logged.isEmpty) else {
                    pause.reset()
                    continue
                }
                // Once for each kind: in an outage they alternate.
                let kind = (error as? RedisError).map { "\($0.code) \($0.serverError)" } ?? "\(type(of: error))"
                if logged.insert(kind).inserted, !Task.isCancelled {
                    let text = "\(OxbowError(storeFailure: error))"
                    logger.info("invalidations cannot be carried out yet", metadata: ["error": "\(text)"])
                }
                try? await Task.sleep(for: pause.next(random: .random(in: 0..<1)))
            }
            if self.owesNothing { logger.notice("all invalidations are carried out", metadata: self.metadata) }
        }
        // No other process knows of them.
        if !self.isQuiet { logger.warning("invalidations are lost with this process", metadata: self.metadata) }
    }

    private var metadata: Logger.Metadata {
        let statistics = self.statistics
        return [
            "pending": "\(statistics.pending)", "bypassedCaches": "\(statistics.bypassedCaches)",
            "journaled": "\(statistics.journaled)", "replayed": "\(statistics.replayed)",
        ]
    }

    /// How many are sent at once.
    private static let batch = 256

    /// One attempt at all that is owed, past the circuit breaker: it must not keep invalidations from a server that answers.
    ///
    /// `isFirst` says that nothing is known against the store; otherwise one is tried before the others.
    ///
    /// - Returns: an error if not all of it succeeded.
    private func carryOut(_ store: any CacheStore, holdOff: Duration?, isFirst: Bool) async -> (any Error)? {
        // In any order: what keeps failing must not come before the others for ever.
        var rest = self.owed.shuffled()[...]
        var size = isFirst ? Self.batch : 1
        var failure: (any Error)?
        while !rest.isEmpty {
            let batch = rest.prefix(size)
            rest = rest.dropFirst(size)
            size = Self.batch
            let failures = await withTaskGroup(of: (any Error)?.self) { group in
                for (target, cache, number) in batch {
                    group.addTask {
                        do {
                            try await RedisClient.pastBreaker { try await store.invalidate(target, holdOff: holdOff) }
                        } catch {
                            return error
                        }
                        self.settle(target, number, of: cache)
                        return nil
                    }
                }
                return await group.reduce(into: [any Error]()) { failures, error in
                    if let error { failures.append(error) }
                }
            }
            failure = failure ?? failures.first
            // The others will hardly fare better at the moment.
            if failures.count == batch.count { break }
        }
        return failure
    }

    private func emptyBypassed(
        _ store: any CacheStore,
        holdOff: @Sendable () -> Duration?,
        _ logger: Logger
    ) async {
        for await _ in self.emptyings {
            while let (cache, number) = self.bypassed.first, !Task.isCancelled {
                logger.warning("a cache is emptied: more of it was invalidated than the journal holds")
                do {
                    try await RedisClient.pastBreaker {
                        try await store.invalidate(namespace: cache)
                        // Again after the hold-off: what was loaded meanwhile may be old, and the keys of entries that were not
                        // there are not known.
                        guard let holdOff = holdOff() else { return }
                        try await Task.sleep(for: holdOff)
                        try await store.invalidate(namespace: cache)
                    }
                    self.settle(cache, number)
                    logger.notice("a cache is emptied", metadata: self.metadata)
                } catch {
                    if Task.isCancelled { return }
                    // Only a store that has stopped, or that cannot go on where it was.
                    try? await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }
}

extension CacheStore {
    func invalidate(
        _ target: InvalidationJournal.Target,
        holdOff: Duration?,
        timeout: Duration? = nil
    ) async throws {
        switch target {
        case .cell(let cell): try await self.invalidate(cell, holdOff: holdOff, timeout: timeout)
        case .group(let key): try await self.invalidate(group: key, holdOff: holdOff, timeout: timeout)
        }
    }
}

import Logging
import RedisClient
import Resilience

/// The work behind the journal, for as long as an instance runs.
extension InvalidationJournal {
    /// Carries out what is owed as soon as that is possible, and watches for failovers; until cancelled.
    ///
    /// `holdOff` is asked at each attempt: caches may be made meanwhile.
    func run(
        _ store: any CacheStore,
        holdOff: @autoclosure @escaping @Sendable () -> Duration?,
        _ logger: Logger
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.replay(store, holdOff: holdOff, logger) }
            group.addTask { await self.watch(store, logger) }
        }
    }

    private func replay(
        _ store: any CacheStore,
        holdOff: @Sendable () -> Duration?,
        _ logger: Logger
    ) async {
        for await _ in self.work where !self.isQuiet {
            logger.notice("invalidations wait to be carried out", metadata: self.metadata)
            var pause = Backoff(initial: .milliseconds(20), maximum: .milliseconds(500))
            var told: Set<String> = []
            while !self.isQuiet, !Task.isCancelled {
                guard let error = await self.carryOut(store, holdOff: holdOff(), isFirst: told.isEmpty) else {
                    pause.reset()
                    continue
                }
                // Once for each kind: in an outage they alternate.
                let kind = (error as? RedisError).map { "\($0.code) \($0.serverError)" } ?? "\(type(of: error))"
                if told.insert(kind).inserted, !Task.isCancelled {
                    let text = "\(OxbowError(storeFailure: error))"
                    logger.info("invalidations cannot be carried out yet", metadata: ["error": "\(text)"])
                }
                try? await Task.sleep(for: pause.next(random: .random(in: 0..<1)))
            }
            if self.isQuiet { logger.notice("all invalidations are carried out", metadata: self.metadata) }
        }
        // Nobody else knows of them.
        if !self.isQuiet { logger.warning("invalidations are lost with this process", metadata: self.metadata) }
    }

    private var metadata: Logger.Metadata {
        let statistics = self.statistics
        return [
            "pending": "\(statistics.pending)", "bypassedCaches": "\(statistics.bypassedCaches)",
            "journaled": "\(statistics.journaled)", "replayed": "\(statistics.replayed)",
        ]
    }

    /// How many are on their way at once.
    private static let batch = 256

    /// One attempt at all that is owed, past the circuit breaker: it must not keep invalidations from a server that answers.
    ///
    /// `isFirst` says that nothing is known against the store; otherwise one is tried before the others.
    ///
    /// - Returns: an error if not all of it succeeded.
    private func carryOut(_ store: any CacheStore, holdOff: Duration?, isFirst: Bool) async -> (any Error)? {
        let (targets, caches) = self.owed
        // In any order: what keeps failing must not stand before the others for ever.
        var rest = targets.shuffled()[...]
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
        do {
            try await self.empty(caches.map(\.0), store, holdOff)
            for (cache, number) in caches { self.settle(cache, number) }
        } catch {
            return error
        }
        return failure
    }

    /// Removes all entries of caches; with a hold-off, again behind it: what was loaded meanwhile may be old, and of entries
    /// that were not there nobody knows the keys.
    private func empty(_ caches: [CellName], _ store: any CacheStore, _ holdOff: Duration?) async throws {
        guard !caches.isEmpty else { return }
        try await RedisClient.pastBreaker {
            for cache in caches { try await store.invalidate(namespace: cache) }
            guard let holdOff else { return }
            try await Task.sleep(for: holdOff)
            for cache in caches { try await store.invalidate(namespace: cache) }
        }
    }

    private func watch(_ store: any CacheStore, _ logger: Logger) async {
        var pause = Duration.zero
        while !Task.isCancelled {
            guard self.isWatching else {
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            let masters = try? await store.masters(after: pause)
            pause = .seconds(1)
            let before = self.failovers
            if let masters { self.note(masters) }
            if self.failovers > before {
                logger.notice("another master: the last invalidations are repeated", metadata: self.metadata)
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

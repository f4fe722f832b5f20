import Logging
import Resilience

/// The work behind the journal, for as long as an instance runs.
extension InvalidationJournal {
    /// Carries out what is owed as soon as that is possible, and watches for failovers; until cancelled.
    func run(_ store: any CacheStore, holdOff: Duration?, _ logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.replay(store, holdOff: holdOff, logger) }
            group.addTask { await self.watch(store, logger) }
        }
    }

    private func replay(_ store: any CacheStore, holdOff: Duration?, _ logger: Logger) async {
        for await _ in self.work {
            logger.notice("invalidations wait to be carried out", metadata: self.metadata)
            var pause = Backoff(initial: .milliseconds(20), maximum: .milliseconds(500))
            while !self.isQuiet, !Task.isCancelled {
                if await self.carryOut(store, holdOff: holdOff) {
                    pause.reset()
                } else {
                    try? await Task.sleep(for: pause.next(random: .random(in: 0..<1)))
                }
            }
            if self.isQuiet { logger.notice("all invalidations are carried out", metadata: self.metadata) }
        }
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

    /// One attempt at all that is owed.
    ///
    /// - Returns: whether all of it succeeded.
    private func carryOut(_ store: any CacheStore, holdOff: Duration?) async -> Bool {
        let (targets, caches) = self.owed
        // In any order: what keeps failing must not stand before the others for ever.
        var rest = targets.shuffled()[...]
        var failures = 0
        while !rest.isEmpty {
            let batch = rest.prefix(Self.batch)
            rest = rest.dropFirst(Self.batch)
            let done = await withTaskGroup(of: Bool.self) { group in
                for (target, cache, number) in batch {
                    group.addTask {
                        do { try await store.invalidate(target, holdOff: holdOff) } catch { return false }
                        self.settle(target, number, of: cache)
                        return true
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            failures += batch.count - done
            // The others will hardly fare better at the moment.
            if done == 0 { break }
        }
        for (cache, number) in caches {
            do { try await store.invalidate(namespace: cache) } catch { return false }
            self.settle(cache, number)
        }
        return failures == 0
    }

    private func watch(_ store: any CacheStore, _ logger: Logger) async {
        var pause = Duration.zero
        while !Task.isCancelled {
            let masters = (try? await store.masters(after: pause)) ?? []
            pause = .seconds(1)
            let before = self.statistics.failovers
            self.note(masters: masters)
            if self.statistics.failovers > before {
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

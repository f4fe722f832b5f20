import Foundation
public import NIOCore
import Synchronization

/// Whether a value may be served as it is.
@usableFromInline
enum Age { case fresh, due, expired }

/// Values that are loaded anew while the old one is served ("Old values" in the article "The cell protocol").
extension CacheEngine {
    /// The age of a value that has an expiry of its own.
    ///
    /// Behind it the value is served for `staleFor` while one caller loads it anew. Before it, callers draw whether they
    /// load it anew, the likelier the nearer it is and the longer the load takes (XFetch, see
    /// ``CacheConfiguration/earlyRefreshFactor``).
    @usableFromInline
    func age(of value: Envelope, in stored: ByteBuffer) -> Age {
        let now = self.store.time
        let isRefreshed = Envelope.refresherEnd(in: stored) > now
        if now >= value.expiry {
            let behind = Duration.milliseconds(Int64(clamping: now - value.expiry))
            return behind >= self.configuration.staleFor ? .expired : isRefreshed ? .fresh : .due
        }
        guard self.configuration.earlyRefreshFactor > 0, !isRefreshed else { return .fresh }
        let draw = -log(Double.random(in: Double.leastNonzeroMagnitude..<1))
        let milliseconds = Double(value.cost) / 10 * self.configuration.earlyRefreshFactor * draw
        return Double(value.expiry - now) <= milliseconds ? .due : .fresh
    }

    /// What stands in a cell, without a value that is behind its own expiry.
    func current(_ content: CellContent) -> CellContent {
        guard case .value(let value, _) = content, value.expiry > 0, self.store.time >= value.expiry else {
            return content
        }
        return .absent
    }

    /// A value as it is stored: with its load's cost, and with an expiry of its own if it may be old and there.
    ///
    /// - Returns: the life of its cell, too.
    func stamped(
        _ value: Envelope,
        for life: Duration,
        cost: Duration = .zero
    ) -> (envelope: Envelope, life: Duration) {
        var stamped = value
        let life = self.configuration.jittered(life)
        // In units of 100 µs.
        let (seconds, attoseconds) = cost.components
        let units = UInt64(clamping: seconds).multipliedReportingOverflow(by: 10_000)
        let fraction = UInt64(clamping: attoseconds / 100_000_000_000_000)
        let whole = units.overflow ? .max : units.partialValue.addingReportingOverflow(fraction).partialValue
        stamped.cost = min(UInt32(clamping: whole), Envelope.maximumCost)
        guard self.configuration.refreshes else { return (stamped, life) }
        stamped.expiry = self.store.time + UInt64(life.milliseconds)
        return (stamped, life + self.configuration.staleFor)
    }

    /// Has a value loaded anew.
    @usableFromInline
    func refresh(_ request: Request, _ old: Envelope, _ load: @escaping Loader) async {
        await self.refresh([(request.cell, old)], for: request.timeToLive) { _ in [try await load()] }
    }

    /// Has values loaded anew by one call, each by this process at most once at a time, and by one process of all.
    ///
    /// In the background while ``Oxbow/Oxbow/run()`` runs; without it, in memory, before this returns.
    ///
    /// - Parameters:
    ///   - values: what was found, and where.
    ///   - timeToLive: of what is loaded.
    ///   - load: loads those at the given places in `values`, in this order.
    func refresh(
        _ values: [(cell: CellAddress, old: Envelope)],
        for timeToLive: Duration?,
        _ load: @escaping @Sendable (_ places: [Int]) async throws -> [Value?]
    ) async {
        let places = self.shared.refreshing.withLock { refreshing in
            values.indices.filter { refreshing.insert(values[$0].cell).inserted }
        }
        guard !places.isEmpty else { return }
        let end = { @Sendable in
            self.shared.refreshing.withLock { refreshing in
                for place in places { refreshing.remove(values[place].cell) }
            }
        }
        let job = { @Sendable (_ giveUp: @escaping @Sendable () -> Void) async in
            let refreshes = places.map { place in
                let (cell, old) = values[place]
                return (place, CellRefresh(CellClaim(cell, .random()), of: old))
            }
            await self.loadAnew(refreshes, for: timeToLive, givingUp: giveUp, load)
            end()
        }
        let answer = self.background.submit(
            of: self.shared.id,
            { place in
                await job {
                    end()
                    place.giveBack()
                }
            },
            dropped: end
        )
        switch answer {
        case .accepted: break
        case .full: end()
        case .notRunning: await job(end)
        }
    }

    /// Loads beside the values, the tokens renewed meanwhile; when that fails, no process tries again before the tokens' end.
    ///
    /// After `maximumLoad` the loader is cancelled and counts as lost: `giveUp` is called even if it goes on.
    private func loadAnew(
        _ wanted: [(place: Int, refresh: CellRefresh)],
        for timeToLive: Duration?,
        givingUp giveUp: @escaping @Sendable () -> Void,
        _ load: @escaping @Sendable (_ places: [Int]) async throws -> [Value?]
    ) async {
        guard let won = try? await self.claimed(wanted), !won.isEmpty else { return }
        let (refreshes, claims) = (won.map(\.refresh), won.map(\.refresh.claim))
        let start = ContinuousClock.now
        let configuration = self.configuration
        do {
            let values = try await withThrowingTaskGroup(of: [Value?]?.self) { group in
                group.addTask {
                    try await self.run({ try await load(won.map(\.place)) }, of: Set(claims.map(\.cell)))
                }
                group.addTask {
                    while ContinuousClock.now < start + configuration.maximumLoad {
                        try await Task.sleep(for: min(configuration.claimLife / 3, configuration.maximumLoad))
                        _ = try? await self.store.claimRefresh(refreshes, for: configuration.claimLife)
                    }
                    giveUp()
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let values else { throw CancellationError() }
            self.counters.refreshes.increment(by: UInt64(won.count))
            // Where an absence is not stored, the old value must not outlast what it meant.
            let gone = zip(claims, values).filter { self.life(of: $1, timeToLive) == nil }.map(\.0.cell)
            if !gone.isEmpty { _ = try? await self.store.invalidate(gone, holdOff: nil, timeout: nil) }
            await self.fill(claims, values, for: timeToLive, since: start)
        } catch {
            self.counters.failedRefreshes.increment(by: UInt64(won.count))
        }
    }

    /// Those of the refreshes that stand beside their values now.
    private func claimed(
        _ wanted: [(place: Int, refresh: CellRefresh)]
    ) async throws -> [(place: Int, refresh: CellRefresh)] {
        let answers = try await self.store.claimRefresh(wanted.map(\.refresh), for: self.configuration.claimLife)
        var won: [(place: Int, refresh: CellRefresh)] = []
        var failures = Failures()
        for (item, answer) in zip(wanted, answers) {
            switch answer {
            case .success(let isWon): if isWon { won.append(item) }
            case .failure(let error): failures.add(error)
            }
        }
        self.note(failures)
        return won
    }
}

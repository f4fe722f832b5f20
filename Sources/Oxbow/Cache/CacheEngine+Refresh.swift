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

    /// Has a value loaded anew, by this process at most once at a time, and by one process of all.
    ///
    /// Behind the caller's back while ``Oxbow/Oxbow/run()`` runs; without it, in memory, before this returns.
    @usableFromInline
    func refresh(_ request: Request, _ old: Envelope, _ load: @escaping Loader) async {
        guard self.shared.refreshing.withLock({ $0.insert(request.cell).inserted }) else { return }
        let job: BackgroundWork.Job = {
            await self.loadAnew(request, old, load)
            self.endRefresh(request.cell)
        }
        switch self.background.submit(job) {
        case .accepted: break
        case .full: self.endRefresh(request.cell)
        case .notRunning: await job()
        }
    }

    private func endRefresh(_ cell: CellAddress) { _ = self.shared.refreshing.withLock { $0.remove(cell) } }

    /// Loads beside the value, the token renewed meanwhile, until `maximumLoad`; when that fails, nobody tries again before
    /// the token's end.
    private func loadAnew(_ request: Request, _ old: Envelope, _ load: @escaping Loader) async {
        let token = Token.random()
        do {
            let life = self.configuration.claimLife
            guard try await self.store.claimRefresh(request.cell, token, of: old, for: life) else { return }
        } catch {
            try? self.noteStoreFailure(error)
            return
        }
        let start = ContinuousClock.now
        do {
            let value = try await self.leading([], every: self.configuration.claimLife / 3) { [store, configuration] in
                guard ContinuousClock.now < start + configuration.maximumLoad else { return }
                _ = try? await store.claimRefresh(request.cell, token, of: old, for: configuration.claimLife)
            } body: {
                try await self.run(load, request.cell)
            }
            self.counters.refreshes.increment()
            await self.fill(request, token, value, since: start)
        } catch {
            self.counters.failedRefreshes.increment()
        }
    }
}

import Synchronization

/// The loads of one cache that this process runs or watches: those under a claim, found by the claim's token (rule 4 of the cell
/// protocol), and those without one, of which a key has one running and one coming at the most (rule 5).
final class LoadTable<Value: Sendable>: Sendable {
    typealias Load = Flight<Value>

    /// What a caller without a claim in sight does.
    enum Turn {
        /// Load now.
        case load(Load)
        /// Wait until the running load has ended, then load.
        case loadAfter(running: Load, own: Load)
        /// Share the coming load, which has not started.
        case join(Load)
    }

    private struct Unclaimed {
        var running: Load
        var next: Load?
        /// Whether the running load has ended and the coming one has not taken over yet.
        var hasEnded = false
    }

    private struct State {
        var claimed: [Token: Load] = [:]
        var unclaimed: [CellAddress: Unclaimed] = [:]
    }

    private let state = Mutex(State())

    /// Announces a load before its claim is sent, so that nobody sees the claim and not the load.
    func announce(_ token: Token) -> Load {
        let load = Load()
        self.state.withLock { $0.claimed[token] = load }
        return load
    }

    /// The load that a claim seen in a cell belongs to, and whether the caller is the first to see another process's
    /// claim: then it watches that claim for all who come behind it.
    func load(claimedBy token: Token) -> (load: Load, isFirst: Bool) {
        self.state.withLock { state in
            if let load = state.claimed[token] { return (load, false) }
            let load = Load()
            state.claimed[token] = load
            return (load, true)
        }
    }

    /// Whether somebody in this process loads or watches under a claim.
    func isKnown(_ token: Token) -> Bool { self.state.withLock { $0.claimed[token] != nil } }

    /// Forgets a load whose claim is gone from its cell, or was never there.
    func remove(_ token: Token) { self.state.withLock { _ = $0.claimed.removeValue(forKey: token) } }

    /// A place for a caller without a claim in sight.
    func turn(for cell: CellAddress) -> Turn {
        self.state.withLock { state in
            guard let entry = state.unclaimed[cell] else {
                let load = Load()
                state.unclaimed[cell] = Unclaimed(running: load)
                return .load(load)
            }
            if let next = entry.next { return .join(next) }
            let own = Load()
            state.unclaimed[cell]?.next = own
            return .loadAfter(running: entry.running, own: own)
        }
    }

    /// The coming load starts: whoever comes from now on does not share it.
    func start(_ load: Load, for cell: CellAddress) {
        self.state.withLock { $0.unclaimed[cell] = Unclaimed(running: load) }
    }

    /// The coming load will not start.
    func withdraw(_ load: Load, for cell: CellAddress) {
        self.state.withLock { state in
            guard let entry = state.unclaimed[cell], entry.next === load else { return }
            // When the running load has ended meanwhile, it left the entry for this one to remove.
            state.unclaimed[cell] = entry.hasEnded ? nil : Unclaimed(running: entry.running)
        }
    }

    /// A load without a claim has ended.
    func end(_ load: Load, for cell: CellAddress) {
        self.state.withLock { state in
            guard let entry = state.unclaimed[cell], entry.running === load else { return }
            if entry.next == nil { state.unclaimed[cell] = nil } else { state.unclaimed[cell]?.hasEnded = true }
        }
    }
}

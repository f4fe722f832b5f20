import Synchronization

/// The loads of one cache that this process runs or watches under a claim, found by the claim's token (rule 4 of the cell
/// protocol).
final class LoadTable<Value: Sendable>: Sendable {
    typealias Load = Flight<Value>

    private let loads = Mutex<[Token: Load]>([:])

    /// Announces a load before its claim is sent, so that nobody sees the claim and not the load.
    ///
    /// `interest` is that of a load in a task of its own.
    func announce(_ token: Token, _ interest: LoadInterest? = nil) -> Load {
        let load = Load(interest: interest)
        self.loads.withLock { $0[token] = load }
        return load
    }

    /// The load that a claim seen in a cell belongs to, and whether the caller is the first to see another process's
    /// claim: then it watches that claim for all who come behind it.
    func load(claimedBy token: Token) -> (load: Load, isFirst: Bool) {
        self.loads.withLock { loads in
            if let load = loads[token] { return (load, false) }
            let load = Load()
            loads[token] = load
            return (load, true)
        }
    }

    /// Whether somebody in this process loads or watches under a claim.
    func isKnown(_ token: Token) -> Bool { self.loads.withLock { $0[token] != nil } }

    /// Forgets a load whose claim is gone from its cell, or was never there.
    func remove(_ token: Token) { self.loads.withLock { _ = $0.removeValue(forKey: token) } }
}

import Synchronization

/// The updates of this process whose entries are closed at this moment.
///
/// A master whose data goes back in time loses their closings: they are closed again before other processes may fill.
final class RunningUpdates: Sendable {
    typealias Renewal = @Sendable () async throws -> Void

    private let state = Mutex<(lastID: UInt64, renewals: [UInt64: Renewal])>((0, [:]))

    /// Runs an update, whose entries `renewal` closes again.
    func with<Result>(_ renewal: @escaping Renewal, _ body: () async throws -> Result) async rethrows -> Result {
        let id = self.state.withLock { state in
            state.lastID += 1
            state.renewals[state.lastID] = renewal
            return state.lastID
        }
        defer { self.state.withLock { _ = $0.renewals.removeValue(forKey: id) } }
        return try await body()
    }

    /// Closes the entries of all running updates again.
    ///
    /// - Throws: the first error of the store.
    func renewAll() async throws {
        for renewal in self.state.withLock({ Array($0.renewals.values) }) { try await renewal() }
    }
}

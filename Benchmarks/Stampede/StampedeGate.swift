import Synchronization

/// Where tasks wait for a moment.
final class StampedeGate: Sendable {
    private struct State {
        var opened: UInt64?
        var waiters: [CheckedContinuation<UInt64, Never>] = []
    }

    private let state = Mutex(State())

    /// Waits until the gate is open.
    ///
    /// - Returns: the moment it was opened at.
    func wait() async -> UInt64 {
        await withCheckedContinuation { continuation in
            let opened = self.state.withLock { state in
                if state.opened == nil { state.waiters.append(continuation) }
                return state.opened
            }
            if let opened { continuation.resume(returning: opened) }
        }
    }

    func open(at moment: UInt64) {
        let waiters = self.state.withLock { state in
            state.opened = moment
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: moment) }
    }

    func close() { self.state.withLock { $0.opened = nil } }

    /// Waits until so many wait.
    func awaitWaiters(_ count: Int) async {
        while self.state.withLock({ $0.waiters.count }) < count { try? await Task.sleep(for: .milliseconds(1)) }
    }
}

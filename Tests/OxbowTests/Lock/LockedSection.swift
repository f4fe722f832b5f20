import Synchronization

/// Who is where only one may be.
final class LockedSection: Sendable {
    private let state = Mutex((inside: 0, most: 0, fences: [UInt64]()))

    var most: Int { self.state.withLock { $0.most } }
    var fences: [UInt64] { self.state.withLock { $0.fences } }

    func enter(_ fence: UInt64) {
        self.state.withLock { state in
            state.inside += 1
            state.most = max(state.most, state.inside)
            state.fences.append(fence)
        }
    }

    func leave() { self.state.withLock { $0.inside -= 1 } }
}

import Synchronization

/// What is to be done with one connection: set from anywhere, read by the connection's loop each time it acts.
///
/// The lock makes a change count from the call that makes it on, not only once the loop has heard of it.
final class ProxyPlan: Sendable {
    private let state: Mutex<(behavior: FaultProxy.Behavior, generation: Int)>

    init(_ behavior: FaultProxy.Behavior) { self.state = Mutex((behavior, 0)) }

    func set(_ behavior: FaultProxy.Behavior) {
        self.state.withLock {
            $0.behavior = behavior
            $0.generation &+= 1
        }
    }

    /// The behavior, and a number that changes with each setting.
    var current: (behavior: FaultProxy.Behavior, generation: Int) { self.state.withLock { $0 } }
}

import Synchronization
import Testing

/// A door that tests hold closed until something has happened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        var arrived = 0
        var watchers: [(Int, CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Waits until the gate is open.
    ///
    /// Not ended by cancellation.
    func pass() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let (isOpen, watchers) = self.state.withLock { state in
                state.arrived += 1
                let arrived = state.arrived
                let ready = state.watchers.filter { $0.0 <= arrived }
                state.watchers.removeAll { $0.0 <= arrived }
                if !state.isOpen { state.waiters.append(continuation) }
                return (state.isOpen, ready)
            }
            for watcher in watchers { watcher.1.resume() }
            if isOpen { continuation.resume() }
        }
    }

    /// Waits until somebody has arrived at the gate, `count` times in all.
    func arrival(_ count: Int = 1) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isThere = self.state.withLock { state in
                if state.arrived >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Lets everybody through, now and later.
    func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Looks every few milliseconds until a condition holds; records an issue if it does not within thirty seconds.
func expectEventually(
    _ location: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("the condition did not come to hold", sourceLocation: location)
}

/// A number that loaders count up.
final class Counter: Sendable {
    private let number: Atomic<Int>
    init(_ start: Int = 0) { self.number = Atomic(start) }
    var value: Int { self.number.load(ordering: .sequentiallyConsistent) }
    @discardableResult func increment() -> Int {
        self.number.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    }
}

/// Expects equality.
///
/// For values got with a closure: a closure within `#expect` itself may be confused with another one of the same test
/// (Swift 6.3 gives both the same symbol).
func check<Value: Equatable>(_ value: Value, _ expected: Value, _ location: SourceLocation = #_sourceLocation) {
    #expect(value == expected, sourceLocation: location)
}

import Dispatch
import Synchronization

/// Does `other` again and again beside `body`, and ends when that has ended.
///
/// The caller's cancellation does not end it: `body` may take its time to follow, and until then claims and closings must be
/// renewed and those who wait be let go. What `other` sends must not mind that its task is cancelled.
func beside<Result>(
    every pause: Duration,
    _ other: @escaping @Sendable () async -> Void,
    body: () async throws -> Result
) async throws -> Result {
    let ticks = Ticks()
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { while await ticks.next(after: pause) { await other() } }
        // The group waits for what `other` does at the moment.
        defer { ticks.end() }
        return try await body()
    }
}

/// Pauses that end early for one reason only.
final class Ticks: Sendable {
    private let state = Mutex<(isOver: Bool, waiter: CheckedContinuation<Bool, Never>?)>((false, nil))

    /// - Returns: `false` when all is over.
    func next(after pause: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                if !state.isOver { state.waiter = continuation }
                return state.isOver
            }
            if isOver { return continuation.resume(returning: false) }
            let deadline = DispatchTime.now() + .milliseconds(max(1, Int(clamping: pause.milliseconds)))
            DispatchQueue.global().asyncAfter(deadline: deadline) { [weak self] in self?.tick() }
        }
    }

    private func tick() { self.state.withLock { $0.waiter.take() }?.resume(returning: true) }

    func end() {
        let waiter = self.state.withLock { state in
            state.isOver = true
            return state.waiter.take()
        }
        waiter?.resume(returning: false)
    }
}

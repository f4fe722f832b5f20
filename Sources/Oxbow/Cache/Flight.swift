import Synchronization

/// How a load ended, for those who wait for it.
enum LoadOutcome<Value: Sendable>: Sendable {
    /// The value; `nil` if there is none.
    case value(Value?)
    /// The loader's own error.
    case failed(any Error)
    /// The task that loaded was cancelled: whoever waits must look again.
    case abandoned
    /// The load takes longer than this caller waits.
    case tooLong
}

/// One running or coming load of one key, and the callers of this process who wait for it.
final class Flight<Value: Sendable>: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<LoadOutcome<Value>, Never>
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var outcome: LoadOutcome<Value>?
        var waiters: [UInt64: Waiter] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Ends the flight and resumes everybody.
    ///
    /// Only the first outcome counts.
    func finish(_ outcome: LoadOutcome<Value>) {
        let waiters = self.state.withLock { state -> [UInt64: Waiter] in
            guard state.outcome == nil else { return [:] }
            state.outcome = outcome
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.continuation.resume(returning: outcome) }
    }

    /// Resumes those whose deadline has come.
    ///
    /// The leader calls this from time to time: no timer for each waiter.
    func expireWaiters(at now: ContinuousClock.Instant) {
        let expired = self.state.withLock { state -> [Waiter] in
            let expired = state.waiters.filter { $0.value.deadline <= now }
            for id in expired.keys { state.waiters[id] = nil }
            return Array(expired.values)
        }
        for waiter in expired { waiter.continuation.resume(returning: .tooLong) }
    }

    /// Waits for the outcome, at most about until `deadline`.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled; the load goes on.
    func wait(until deadline: ContinuousClock.Instant) async throws -> LoadOutcome<Value> {
        let id = self.state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = self.state.withLock { state -> LoadOutcome<Value>? in
                    if let outcome = state.outcome { return outcome }
                    // Cancelled before the waiter was there to be found.
                    if Task.isCancelled { return .abandoned }
                    state.waiters[id] = Waiter(continuation: continuation, deadline: deadline)
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(returning: .abandoned)
        }
        try Task.checkCancellation()
        return outcome
    }
}

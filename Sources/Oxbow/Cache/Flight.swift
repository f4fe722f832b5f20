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
    private let outcome = Mutex<LoadOutcome<Value>?>(nil)
    private let waiters = Waiters()
    /// The callers that want the outcome; `nil` for a load in its caller's own task.
    let interest: LoadInterest?

    init(interest: LoadInterest? = nil) { self.interest = interest }

    /// Ends the flight and resumes everybody.
    ///
    /// Only the first outcome counts.
    func finish(_ outcome: LoadOutcome<Value>) {
        let isFirst = self.outcome.withLock { known in
            guard known == nil else { return false }
            known = outcome
            return true
        }
        if isFirst { self.waiters.finish() }
    }

    /// Resumes those whose deadline has come.
    ///
    /// The leader calls this from time to time: no timer for each waiter.
    func expireWaiters(at now: ContinuousClock.Instant) { self.waiters.expire(at: now) }

    /// Waits for the outcome, at most about until `deadline`.
    ///
    /// - Throws: `CancellationError` when the waiting task is cancelled; the load goes on.
    func wait(until deadline: ContinuousClock.Instant) async throws -> LoadOutcome<Value> {
        self.interest?.enter()
        defer { self.interest?.leave() }
        let isOver = await self.waiters.wait(until: deadline)
        try Task.checkCancellation()
        guard isOver else { return .tooLong }
        return self.outcome.withLock { $0 } ?? .abandoned
    }
}

extension Flight {
    /// Waits for the outcome of a load that this caller has begun, however long it takes.
    ///
    /// - Throws: the loader's error; `CancellationError` when the waiting task is cancelled, or the loader threw that.
    func outcomeForLeader() async throws -> Value? {
        while true {
            switch try await self.wait(until: .now + .seconds(86_400)) {
            case .value(let value): return value
            case .failed(let error): throw error
            case .abandoned: throw CancellationError()
            case .tooLong: continue
            }
        }
    }
}

/// Callers who wait for the same event.
///
/// Knows nothing of what they wait for: thousands of them may be woken at once, and code that is not compiled for one type
/// would take several times as long for each.
private final class Waiters: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<Bool, Never>
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var isFinished = false
        var waiters: [UInt64: Waiter] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Resumes everybody, in the order in which they came.
    func finish() {
        let waiters = self.state.withLock { state in
            state.isFinished = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for (_, waiter) in waiters.sorted(by: { $0.key < $1.key }) { waiter.continuation.resume(returning: true) }
    }

    func expire(at now: ContinuousClock.Instant) {
        let expired = self.state.withLock { state -> [Waiter] in
            let expired = state.waiters.filter { $0.value.deadline <= now }
            for id in expired.keys { state.waiters[id] = nil }
            return Array(expired.values)
        }
        for waiter in expired { waiter.continuation.resume(returning: false) }
    }

    /// Waits until all are resumed, at most about until `deadline`, or until the task is cancelled.
    ///
    /// - Returns: whether the event has come.
    func wait(until deadline: ContinuousClock.Instant) async -> Bool {
        let id = self.state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = self.state.withLock { state -> Bool? in
                    if state.isFinished { return true }
                    // Cancelled before the waiter was there to be found.
                    if Task.isCancelled { return false }
                    state.waiters[id] = Waiter(continuation: continuation, deadline: deadline)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = self.state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(returning: false)
        }
    }
}

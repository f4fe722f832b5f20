import Synchronization

/// The callers that want the value of one load, which runs in a task of its own: it survives the caller that began it, and is
/// cancelled when the last one has gone.
///
/// With request timeouts shorter than a load, a load that ended with its caller would be begun again and again, and never be
/// stored.
final class LoadInterest: Sendable {
    private struct State {
        var callers = 0
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    /// Whether the load goes on without callers.
    private let outlivesCallers: Bool

    init(outlivesCallers: Bool = false) { self.outlivesCallers = outlivesCallers }

    /// The load runs; `cancel` ends it.
    func begin(cancelling cancel: @escaping @Sendable () -> Void) {
        let isDeserted = self.state.withLock { state in
            state.cancel = cancel
            return state.callers == 0 && !self.outlivesCallers
        }
        if isDeserted { self.cancel() }
    }

    /// The load has ended: what follows is not cancelled any more.
    func complete() { self.state.withLock { $0.cancel = nil } }

    func enter() { self.state.withLock { $0.callers += 1 } }

    func leave() {
        let isDeserted = self.state.withLock { state in
            state.callers -= 1
            return state.callers == 0 && !self.outlivesCallers
        }
        if isDeserted { self.cancel() }
    }

    /// Cancels a load that has had its time and that no caller wants.
    func cancelIfDeserted() { if self.state.withLock({ $0.callers == 0 }) { self.cancel() } }

    private func cancel() { self.state.withLock { $0.cancel.take() }?() }
}

extension CacheEngine {
    /// Runs a load in a task of its own, and waits for it as one of the callers that are interested in it.
    ///
    /// - Throws: the error of the load; `CancellationError` when this task is cancelled: the load goes on if others wait.
    func surviving<Loaded: Sendable>(
        _ interest: LoadInterest,
        _ load: @escaping @Sendable () async throws -> Loaded?
    ) async throws -> Loaded? {
        let outcome = Flight<Loaded>(interest: interest)
        interest.enter()
        defer { interest.leave() }
        // Cancelled by `interest`; it inherits the task-local values of this caller.
        let task = Task {
            do {
                outcome.finish(.value(try await load()))
            } catch {
                outcome.finish(Self.isAbandoned(error) ? .abandoned : .failed(error))
            }
        }
        interest.begin { task.cancel() }
        return try await outcome.outcomeForLeader()
    }
}

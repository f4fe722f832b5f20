/// The first success among attempts begun one after the other: the next one when one has failed, or takes longer than
/// `pause`.
///
/// - Parameters:
///   - candidates: what to attempt, in this order.
///   - pause: how long an attempt may take before the next one is begun beside it.
///   - goesOn: whether the next attempt is begun when one has failed; otherwise only those that run are waited for.
///   - discard: is given what another attempt has brought at the same moment.
///   - attempt: one attempt; cancelled once another has succeeded, and waited for.
/// - Throws: the last failure when all have failed; `CancellationError` when cancelled before the first one.
func firstSuccess<Candidate: Sendable, Success: Sendable>(
    of candidates: [Candidate],
    hedgingAfter pause: Duration,
    goingOnAfterFailure goesOn: Bool = true,
    discarding discard: (Success) -> Void = { _ in },
    _ attempt: @escaping @Sendable @concurrent (Candidate) async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Outcome<Success>.self) { group in
        defer { group.cancelAll() }
        var rest = candidates[...]
        var running = 0
        var failure: any Error = RedisError(.cannotConnect, "nobody to ask")
        func begin() {
            guard !Task.isCancelled, let candidate = rest.popFirst() else { return }
            running += 1
            group.addTask {
                do { return .success(try await attempt(candidate)) } catch { return .failure(error) }
            }
            guard !rest.isEmpty else { return }
            group.addTask {
                try? await Task.sleep(for: pause)
                return .next
            }
        }
        try Task.checkCancellation()
        begin()
        while running > 0, let outcome = try await group.next() {
            switch outcome {
            case .success(let value):
                group.cancelAll()
                for try await case .success(let other) in group { discard(other) }
                return value
            case .failure(let error):
                running -= 1
                failure = error
                if !goesOn { rest = [] }
                begin()
            case .next: begin()
            }
        }
        throw failure
    }
}

private enum Outcome<Success: Sendable>: Sendable {
    case success(Success)
    case failure(any Error)
    /// Time to begin the next one.
    case next
}

/// The first success among attempts begun one after the other: the next one when one has failed, or takes longer than
/// `pause`.
///
/// - Throws: the last failure when all have failed; `CancellationError` when cancelled before the first one.
func firstSuccess<Candidate: Sendable, Success: Sendable>(
    of candidates: [Candidate],
    hedgingAfter pause: Duration,
    _ attempt: @escaping @Sendable @concurrent (Candidate) async throws -> Success
) async throws -> Success {
    try Task.checkCancellation()
    return try await withThrowingTaskGroup(of: Outcome<Success>.self) { group in
        defer { group.cancelAll() }
        var rest = candidates[...]
        var begun = 0
        var running = 0
        var failure: any Error = RedisError(.cannotConnect, "nobody to ask")
        func begin() {
            guard !Task.isCancelled, let candidate = rest.popFirst() else { return }
            begun += 1
            running += 1
            let number = begun
            group.addTask {
                do { return .success(try await attempt(candidate)) } catch { return .failure(error) }
            }
            guard !rest.isEmpty else { return }
            group.addTask {
                try? await Task.sleep(for: pause)
                return .overdue(number)
            }
        }
        begin()
        while running > 0, let outcome = try await group.next() {
            switch outcome {
            case .success(let value): return value
            case .failure(let error):
                running -= 1
                failure = error
                begin()
            case .overdue(let number): if number == begun { begin() }
            }
        }
        throw failure
    }
}

private enum Outcome<Success: Sendable>: Sendable {
    case success(Success)
    case failure(any Error)
    /// This attempt has taken long; if it is the last one, the next one is begun.
    case overdue(Int)
}

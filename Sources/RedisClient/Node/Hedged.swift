/// The success of an attempt, or of another one made beside it: a new one each `pause` while the first lasts, one at a
/// time.
///
/// - Parameters:
///   - pause: how long the first attempt may take before another one is made beside it; those get nine tenths of it.
///   - attempt: one attempt, within this time if there is one; cancelled once the other has succeeded, and waited for.
/// - Returns: what has won, and what the other attempt has brought at the same moment: the caller's to dispose of.
/// - Throws: the first attempt's failure when none runs any more; `CancellationError`.
func hedged<Success: Sendable>(
    every pause: Duration,
    _ attempt: @escaping @Sendable @concurrent (_ limit: Duration?) async throws -> Success
) async throws -> (winner: Success, late: [Success]) {
    try await withThrowingTaskGroup(of: Outcome<Success>.self) { group in
        var failure: (any Error)?
        var isHedgeRunning = false
        func begin(_ limit: Duration?) {
            group.addTask {
                do { return .success(try await attempt(limit)) } catch { return .failure(error, isHedge: limit != nil) }
            }
        }
        func wait() {
            group.addTask {
                try? await Task.sleep(for: pause)
                return .pause
            }
        }
        begin(nil)
        wait()
        while failure == nil || isHedgeRunning, let outcome = try await group.next() {
            switch outcome {
            case .success(let value):
                group.cancelAll()
                var late: [Success] = []
                for try await case .success(let other) in group { late.append(other) }
                return (value, late)
            case .failure(_, isHedge: true): isHedgeRunning = false
            case .failure(let error, isHedge: false): failure = error
            case .pause:
                guard failure == nil, !Task.isCancelled else { continue }
                if !isHedgeRunning {
                    isHedgeRunning = true
                    begin(pause * 0.9)
                }
                wait()
            }
        }
        group.cancelAll()
        try Task.checkCancellation()
        throw failure ?? CancellationError()
    }
}

private enum Outcome<Success: Sendable>: Sendable {
    case success(Success)
    case failure(any Error, isHedge: Bool)
    case pause
}

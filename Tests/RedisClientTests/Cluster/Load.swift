import RedisClient
import Synchronization
import Testing

/// Tasks that write a key of their own and read it back, over and over, while something happens to the servers.
///
/// Each key holds a number that only grows. A read that sees less than was acknowledged, or more than was ever sent, is
/// wrong, whatever happened to the servers meanwhile.
final class Load: Sendable {
    struct Outcome: Sendable {
        var writes = 0
        var reads = 0
        var wrongReads = 0
        /// Reads that missed the last write only: replication may not have had it when its master was gone.
        var lostWrites = 0
        /// Failed writes by their code and the server's word, such as `server READONLY`.
        var failedWrites: [String: Int] = [:]
        var failedReads: [String: Int] = [:]
        /// Writes that may or may not have been carried out.
        var unknown = 0
        var slowestWrite = Duration.zero
        var firstWriteAfterMark: ContinuousClock.Instant?
        var mark: ContinuousClock.Instant?
    }

    private let state = Mutex(Outcome())
    private let client: RedisClient
    private let keys: [String]
    private let timeout: Duration

    /// A load on some keys, one task for each.
    init(_ client: RedisClient, keys: [String], timeout: Duration = .seconds(10)) {
        self.client = client
        self.keys = keys
        self.timeout = timeout
    }

    var outcome: Outcome { self.state.withLock { $0 } }

    /// From here on the next acknowledged write that is sent is looked for.
    func mark() {
        self.state.withLock { state in
            state.mark = .now
            state.firstWriteAfterMark = nil
        }
    }

    /// From the mark to the first write that was begun after it and acknowledged.
    var recovery: Duration? {
        self.state.withLock { state in
            guard let mark = state.mark, let first = state.firstWriteAfterMark else { return nil }
            return mark.duration(to: first)
        }
    }

    /// Waits for the first write behind the mark.
    func awaitWrite(within limit: Duration = .seconds(20)) async throws {
        try await eventually("a write behind the mark", within: limit) { self.recovery != nil }
    }

    /// Runs `body` with the load beside it; afterwards every key is read once more.
    func during<Result>(_ body: () async throws -> Result) async throws -> Result {
        let result = try await withThrowingTaskGroup(of: Void.self) { group in
            for key in self.keys { group.addTask { try await self.work(on: key) } }
            defer { group.cancelAll() }
            try await eventually("the load to begin") { self.outcome.writes > self.keys.count }
            return try await body()
        }
        return result
    }

    private func work(on key: String) async throws {
        var acknowledged = 0
        var sent = 0
        while !Task.isCancelled {
            sent += 1
            let start = ContinuousClock.now
            do {
                // Written by this task only: twice does no harm.
                _ = try await self.client.execute(SET(key, sent).markedIdempotent(), timeout: self.timeout)
                acknowledged = sent
                let end = ContinuousClock.now
                self.state.withLock { state in
                    state.writes += 1
                    state.slowestWrite = max(state.slowestWrite, start.duration(to: end))
                    if let mark = state.mark, start > mark, state.firstWriteAfterMark == nil {
                        state.firstWriteAfterMark = end
                    }
                }
            } catch let error as RedisError {
                self.state.withLock { state in
                    state.failedWrites[Self.kind(error), default: 0] += 1
                    if error.delivery == .unknown { state.unknown += 1 }
                }
            } catch is CancellationError {
                break
            } catch {
                Issue.record(error)
                break
            }
            do {
                let value = try await self.client.execute(GET(key, as: Int.self), timeout: self.timeout)
                let isRight = (acknowledged...sent).contains(value ?? 0)
                let isLost = value == acknowledged - 1
                self.state.withLock { state in
                    state.reads += 1
                    if isLost { state.lostWrites += 1 } else if !isRight { state.wrongReads += 1 }
                }
            } catch let error as RedisError {
                self.state.withLock { $0.failedReads[Self.kind(error), default: 0] += 1 }
            } catch is CancellationError {
                break
            } catch {
                Issue.record(error)
                break
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private static func kind(_ error: RedisError) -> String {
        error.serverError.isEmpty ? "\(error.code)" : "\(error.code) \(error.serverError)"
    }
}

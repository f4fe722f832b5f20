import Foundation
import RedisClient
import Synchronization

/// One call of the client, and what came of it.
struct CallRecord: Sendable {
    enum Outcome: Sendable, Hashable {
        case done
        /// `isUnknown`: the server may have carried it out.
        case failed(FailureKind, isUnknown: Bool)
    }

    /// Since the start of the record.
    var began: Duration
    var ended: Duration
    var isWrite: Bool
    /// Whether it is about a key of the master that is broken.
    var isOfBroken: Bool
    var outcome: Outcome

    var isDone: Bool { self.outcome == .done }
    var failure: FailureKind? { if case .failed(let kind, _) = self.outcome { kind } else { nil } }
}

/// Why a call failed: the code of the client's error, or the first word of the server's.
struct FailureKind: Sendable, Hashable, Comparable {
    let name: String

    init(_ error: any Error) {
        switch error {
        case let error as RedisError where !error.serverError.isEmpty: self.name = error.serverError
        case let error as RedisError: self.name = error.code.description
        case is CancellationError: self.name = "cancelled"
        default: self.name = "other"
        }
    }

    static func < (one: FailureKind, other: FailureKind) -> Bool { one.name < other.name }

    /// As it ends the name of a figure.
    var figureName: String {
        self.name == self.name.uppercased()
            ? self.name.capitalized : self.name.prefix(1).uppercased() + self.name.dropFirst()
    }

    /// As it stands in the plot.
    var letter: Character {
        switch self.name {
        case "timeout": "T"
        case "connectionClosed": "C"
        case "cannotConnect": "N"
        case "CLUSTERDOWN": "D"
        case "MOVED": "M"
        case "READONLY": "R"
        case "LOADING": "L"
        default: "X"
        }
    }
}

/// All calls so far, in the order of their ends.
final class CallRecorder: Sendable {
    private let start = ContinuousClock.now
    private let records = Mutex<[CallRecord]>([])

    /// The time since the start of the record.
    var now: Duration { ContinuousClock.now - self.start }

    func time(of instant: ContinuousClock.Instant) -> Duration { instant - self.start }

    var all: [CallRecord] { self.records.withLock { $0 } }

    /// Those that ended at this time or later.
    func ended(since time: Duration) -> [CallRecord] {
        self.records.withLock { $0.suffix(while: { $0.ended >= time }) }
    }

    /// Makes a call and records it.
    func record(isWrite: Bool, isOfBroken: Bool, _ call: () async throws -> Void) async -> CallRecord.Outcome {
        let began = self.now
        var outcome = CallRecord.Outcome.done
        do {
            try await call()
        } catch {
            let isUnknown = (error as? RedisError)?.delivery != .notSent && (error as? RedisError)?.delivery != .refused
            outcome = .failed(FailureKind(error), isUnknown: isUnknown)
        }
        let record = CallRecord(
            began: began,
            ended: self.now,
            isWrite: isWrite,
            isOfBroken: isOfBroken,
            outcome: outcome
        )
        self.records.withLock { $0.append(record) }
        return outcome
    }
}

extension [CallRecord] {
    /// The elements from the end back to the first one that does not do.
    fileprivate func suffix(while predicate: (CallRecord) -> Bool) -> [CallRecord] {
        Array(self[(self.lastIndex { !predicate($0) }.map { $0 + 1 } ?? self.startIndex)...])
    }
}

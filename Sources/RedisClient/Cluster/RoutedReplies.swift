import NIOCore
import RESP

/// Takes the replies of several groups in the order of the commands that were spread over them.
struct RoutedReplies {
    private let places: [PipelinePlan.Place]
    private let deadlines: [UInt64]
    private var decoders: [PipelineDecoder]
    private var next = 0

    init(_ replies: [RedisReplies], of plan: PipelinePlan) {
        self.places = plan.places
        self.deadlines = replies.map(\.deadline)
        self.decoders = replies.map { PipelineDecoder($0) }
    }

    /// The next command's result, asked for again where that is right.
    ///
    /// - Throws: `CancellationError`.
    mutating func settled<Command: RedisCommand>(
        _ command: Command,
        by executor: some RedisExecutor
    ) async throws -> Result<Command.Response, RedisError> {
        defer { self.next += 1 }
        switch self.places[self.next] {
        case .refused(let error): return .failure(error)
        case .group(let index, let isAlone):
            let result = self.decoders[index].next(Command.Response.self)
            guard isAlone else { return result }
            return try await executor.settle(result, of: command, until: self.deadlines[index])
        case .parts(let parts):
            guard let splittable = command as? any SplittableCommand,
                let result = try await self.join(splittable, parts, by: executor)
                    as? Result<Command.Response, RedisError>
            else {
                return .failure(RedisError(.unexpectedReply, "parts that make no whole", delivery: .unknown))
            }
            return result
        }
    }

    private mutating func join<Command: SplittableCommand>(
        _ command: Command,
        _ parts: [PipelinePlan.Part],
        by executor: some RedisExecutor
    ) async throws -> any Sendable {
        var responses: [(positions: [Int], response: Command.Response)] = []
        var failures: [(positions: [Int], error: RedisError)] = []
        for part in parts {
            let result = self.decoders[part.group].next(Command.Response.self)
            let deadline = self.deadlines[part.group]
            switch try await executor.settle(result, of: command.part(part.positions), until: deadline) {
            case .success(let response): responses.append((part.positions, response))
            case .failure(let error): failures.append((part.positions, error))
            }
        }
        return Self.join(responses, failures, of: command)
    }

    private static func join<Command: SplittableCommand>(
        _ responses: [(positions: [Int], response: Command.Response)],
        _ failures: [(positions: [Int], error: RedisError)],
        of command: Command
    ) -> Result<Command.Response, RedisError> {
        let count = (responses.map(\.positions) + failures.map(\.positions)).reduce(0) { $0 + $1.count }
        if let first = failures.first?.error {
            let isCommon =
                responses.isEmpty
                && failures.allSatisfy {
                    $0.error.code == first.code && $0.error.delivery == first.delivery
                        && $0.error.serverError == first.serverError
                }
            return .failure(isCommon ? first : RedisError(failures, of: count))
        }
        guard let response = Command.join(responses, count: count) else {
            return .failure(RedisError(.unexpectedReply, "a reply that does not fit the keys", delivery: .done))
        }
        return .success(response)
    }
}

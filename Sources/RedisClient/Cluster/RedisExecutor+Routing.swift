import NIOCore
import RESP

/// How commands are carried out where keys decide about the node.
extension RedisExecutor {
    /// What becomes of a command with keys in several slots.
    ///
    /// - Throws: ``RedisError``: `crossSlot` for a command that cannot be split, `partialFailure`; `CancellationError`.
    @usableFromInline
    func executeSplit<Command: RedisCommand>(_ command: Command, timeout: Duration?) async throws -> Command.Response {
        guard command.connectionUse == .shared, command is any SplittableCommand else { throw RedisError.crossSlot }
        return try await self.executeRouted(pipeline: command, timeout: timeout).get()
    }

    /// Commands, each at its node.
    ///
    /// - Throws: ``RedisError`` for commands that cannot go together, before anything is sent; `CancellationError`.
    @usableFromInline
    func executeRouted<each Command: RedisCommand>(
        pipeline commands: repeat each Command,
        timeout: Duration?
    ) async throws -> (repeat Result<(each Command).Response, RedisError>) {
        var summary = PipelineSummary(timeout)
        for command in repeat each commands { summary.add(command) }
        var plan = PipelinePlan(try summary.shared, self)
        for command in repeat each commands { plan.add(command) }
        var replies = RoutedReplies(try await self.send(plan), of: plan)
        return (repeat try await replies.settled(each commands, by: self))
    }

    /// Commands of one type, each at its node.
    ///
    /// - Throws: as the other form.
    @usableFromInline
    func executeRouted<Command: RedisCommand>(
        pipeline commands: [Command],
        timeout: Duration?
    ) async throws -> [Result<Command.Response, RedisError>] {
        var summary = PipelineSummary(timeout)
        for command in commands { summary.add(command) }
        var plan = PipelinePlan(try summary.shared, self)
        for command in commands { plan.add(command) }
        var replies = RoutedReplies(try await self.send(plan), of: plan)
        var results: [Result<Command.Response, RedisError>] = []
        results.reserveCapacity(commands.count)
        for command in commands { results.append(try await replies.settled(command, by: self)) }
        return results
    }

    /// Sends all groups at once.
    ///
    /// - Returns: the replies of each group; a failure where there are none.
    private func send(_ plan: PipelinePlan) async throws -> [RedisReplies] {
        if let refusal = plan.refusal { throw refusal }
        if plan.groups.count == 1 {
            return [try await self.replies(to: plan.groups[0].request, plan.groups[0].bytes)]
        }
        return try await withThrowingTaskGroup(of: (Int, RedisReplies).self) { tasks in
            for (index, group) in plan.groups.enumerated() {
                let (request, bytes) = (group.request, group.bytes)
                tasks.addTask { (index, try await self.replies(to: request, bytes)) }
            }
            var all = [RedisReplies](repeating: .notAdmitted, count: plan.groups.count)
            for try await (index, replies) in tasks { all[index] = replies }
            return all
        }
    }

    private func replies(to request: RedisRequest, _ bytes: ByteBuffer) async throws -> RedisReplies {
        do {
            return try await self.send(request) { $0.writeImmutableBuffer(bytes) }
        } catch let error as RedisError {
            return .failed(error)
        }
    }
}

extension PipelineSummary {
    /// What may go over connections that others use as well.
    fileprivate var shared: RedisRequest {
        get throws {
            let request = try self.request
            guard request.connectionUse == .shared else { throw RedisError.exclusive }
            return request
        }
    }
}

public import NIOCore
public import RESP

extension RedisExecutor {
    /// Carries commands out together: MULTI, the commands, EXEC, in one piece over one connection.
    ///
    /// Between them no other client's command is carried out. One that fails while it is carried out (WRONGTYPE) does
    /// not undo the others. Scripts are sent in full. In a cluster all keys must be in one slot.
    ///
    /// - Parameters:
    ///   - commands: what to carry out.
    ///   - timeout: for all of them; `commandTimeout` times the largest factor by default.
    /// - Returns: a result for each command.
    /// - Throws: ``RedisError``: `crossSlot`; `transactionAborted` when a watched key has changed; `server` when the
    /// server refused
    ///   a command before EXEC, so that none was carried out, or refused MULTI itself: they may have been then, one by
    ///   one, and ``RedisError/delivery`` is `unknown`; `CancellationError`.
    @inlinable
    public func execute<each Command: RedisCommand>(
        transaction commands: repeat each Command,
        timeout: Duration? = nil
    ) async throws -> (repeat Result<(each Command).Response, RedisError>) {
        var summary = PipelineSummary(timeout)
        var keys = CommandKeys()
        for command in repeat each commands {
            if command.connectionUse != .shared { throw RedisError.notInTransaction }
            summary.add(command)
            if self.routesCommands { command.addKeys(to: &keys) }
        }
        let count = summary.whole.count
        let request = try summary.transaction(keys)
        let replies = try await self.send(request) { buffer in
            buffer.writeWire("*1\r\n$5\r\nMULTI\r\n")
            for command in repeat each commands {
                // Beyond every limit: refused as a whole, before the buffer is full.
                if buffer.readableBytes > 1 << 31 { return }
                command.encodeInFull(into: &buffer)
            }
            buffer.writeWire("*1\r\n$4\r\nEXEC\r\n")
        }
        var decoder = try PipelineDecoder(transaction: replies, count: count)
        return (repeat decoder.next((each Command).Response.self))
    }

    /// Carries commands of one type out together.
    ///
    /// The same as ``execute(transaction:timeout:)`` for a number of commands known at run time only.
    @inlinable
    public func execute<Command: RedisCommand>(
        transaction commands: [Command],
        timeout: Duration? = nil
    ) async throws -> [Result<Command.Response, RedisError>] {
        guard !commands.isEmpty else { return [] }
        var summary = PipelineSummary(timeout)
        var keys = CommandKeys()
        for command in commands {
            if command.connectionUse != .shared { throw RedisError.notInTransaction }
            summary.add(command)
            if self.routesCommands { command.addKeys(to: &keys) }
        }
        let request = try summary.transaction(keys)
        let replies = try await self.send(request) { buffer in
            buffer.writeWire("*1\r\n$5\r\nMULTI\r\n")
            for command in commands {
                command.encodeInFull(into: &buffer)
                // Beyond every limit: refused as a whole, before the buffer is full.
                if buffer.readableBytes > 1 << 31 { return }
            }
            buffer.writeWire("*1\r\n$4\r\nEXEC\r\n")
        }
        var decoder = try PipelineDecoder(transaction: replies, count: commands.count)
        return commands.map { _ in decoder.next(Command.Response.self) }
    }
}

extension PipelineSummary {
    /// The commands between MULTI and EXEC.
    ///
    /// - Throws: ``RedisError`` where they cannot go together.
    @usableFromInline
    func transaction(_ keys: CommandKeys) throws -> RedisRequest {
        if keys.route == .severalSlots { throw RedisError.crossSlot }
        var request = try self.request
        request.route = keys.route
        request.count += 2
        request.isTransaction = true
        // Watched keys and EXEC belong together: a transaction is never sent a second time.
        request.isIdempotent = false
        // Replicas carry out no transactions.
        request.isReadOnly = false
        return request
    }
}

extension PipelineDecoder {
    /// At the first result within EXEC's reply.
    ///
    /// - Throws: ``RedisError`` when there are no results.
    @usableFromInline
    init(transaction replies: RedisReplies, count: Int) throws {
        if let failure = replies.failure {
            // EXEC may have been carried out, whatever was answered before it.
            throw RedisError(failure.code, failure.message, delivery: .unknown, cause: failure)
        }
        self.init(replies)
        var isAborted = false
        var notBegun: RESPError?
        do throws(RESPError) {
            if let refused = try self.readErrorIfPresent() {
                // Without MULTI the commands were carried out one by one, or not: their answers tell, but nobody asked
                // so.
                notBegun = refused
            }
            let refusal = try self.readQueued(notBegun == nil ? count + 1 : count)
            if try self.reader.readNullIfPresent() {
                isAborted = true
            } else if notBegun == nil, let error = try self.readErrorIfPresent() {
                // EXECABORT only says that something before was refused; the reason is there.
                throw refusal ?? error
            } else if notBegun == nil {
                self.remaining = try self.reader.readAggregate().count ?? 0
            }
        } catch {
            throw RedisError(error)
        }
        if let notBegun {
            let cause = RedisError(notBegun)
            throw RedisError(
                .server,
                "MULTI was refused: \(cause.message)",
                delivery: .unknown,
                serverError: cause.serverError,
                cause: cause
            )
        }
        if isAborted {
            throw RedisError(.transactionAborted, "a watched key has changed", delivery: .refused)
        }
        guard self.remaining == count else {
            throw RedisError(.unexpectedReply, "EXEC answered with another number of results", delivery: .done)
        }
    }

    /// Reads over the answers to MULTI and the commands.
    ///
    /// - Returns: the first refusal among them.
    private mutating func readQueued(_ count: Int) throws(RESPError) -> RESPError? {
        var refusal: RESPError?
        for _ in 0..<count {
            if let error = try self.readErrorIfPresent() {
                refusal = refusal ?? error
            } else {
                try self.reader.skip()
            }
        }
        return refusal
    }

    private mutating func readErrorIfPresent() throws(RESPError) -> RESPError? {
        let type = try self.reader.nextType()
        guard type == .simpleError || type == .bulkError else { return nil }
        return RESPError(reply: try self.reader.readError())
    }
}

extension RedisError {
    @usableFromInline
    static var notInTransaction: RedisError {
        RedisError(.exclusiveCommand, "a command that blocks or changes its connection cannot be in a transaction")
    }
}

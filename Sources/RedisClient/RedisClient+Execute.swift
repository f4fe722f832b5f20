public import NIOCore
public import RESP

extension RedisClient {
    /// Sends one command and returns its decoded reply.
    ///
    /// - Parameters:
    ///   - command: what to send.
    ///   - timeout: from the call to the reply; `commandTimeout` times the command's factor by default.
    /// - Returns: the reply, decoded.
    /// - Throws: ``RedisError``; its ``RedisError/delivery`` says whether the command may have been carried out.
    ///   `CancellationError` when the task is cancelled: the command may still be carried out, its reply is dropped,
    ///   the connection and its other callers are not touched.
    @inlinable
    public func execute<Command: RedisCommand>(
        _ command: Command,
        timeout: Duration? = nil
    ) async throws -> Command.Response {
        if command.connectionUse != .shared { throw RedisError.exclusive }
        let replies = try await self.send(
            expecting: 1,
            timeout: timeout,
            timeoutFactor: command.timeoutFactor,
            isIdempotent: command.isIdempotent,
            ignoresCancellation: command.ignoresCancellation
        ) { command.encode(into: &$0) }
        var reader = RESPReader(replies.bytes)
        do {
            return try Command.Response(from: &reader)
        } catch {
            throw RedisError(error)
        }
    }

    /// Sends commands back to back and returns a result for each, in order.
    ///
    /// Other callers' commands may come before and after, never in between. The commands are not a transaction: each
    /// succeeds or fails by itself.
    ///
    /// - Throws: ``RedisError`` when nothing was answered, `CancellationError`. When the connection was lost in the
    ///   middle, the results from there on are failures.
    @inlinable
    public func execute<each Command: RedisCommand>(
        pipeline commands: repeat each Command,
        timeout: Duration? = nil
    ) async throws -> (repeat Result<(each Command).Response, RedisError>) {
        var count = 0
        var factor = 1
        var isIdempotent = true
        for command in repeat each commands {
            if command.connectionUse == .exclusive { throw RedisError.exclusive }
            count += 1
            factor = max(factor, command.timeoutFactor)
            isIdempotent = isIdempotent && command.isIdempotent
        }
        let replies = try await self.send(
            expecting: count,
            timeout: timeout,
            timeoutFactor: factor,
            isIdempotent: isIdempotent
        ) { buffer in
            for command in repeat each commands { command.encode(into: &buffer) }
        }
        var decoder = PipelineDecoder(replies)
        return (repeat decoder.next((each Command).Response.self))
    }

    /// Sends commands of one type back to back and returns a result for each, in order.
    ///
    /// The same as ``execute(pipeline:timeout:)`` for a number of commands known at run time only.
    @inlinable
    public func execute<Command: RedisCommand>(
        pipeline commands: [Command],
        timeout: Duration? = nil
    ) async throws -> [Result<Command.Response, RedisError>] {
        guard let first = commands.first else { return [] }
        if commands.contains(where: { $0.connectionUse == .exclusive }) { throw RedisError.exclusive }
        let replies = try await self.send(
            expecting: commands.count,
            timeout: timeout,
            timeoutFactor: first.timeoutFactor,
            isIdempotent: commands.allSatisfy(\.isIdempotent)
        ) { buffer in
            for command in commands {
                command.encode(into: &buffer)
                // Beyond every limit: refused as a whole, before the buffer is full.
                if buffer.readableBytes > 1 << 31 { return }
            }
        }
        var decoder = PipelineDecoder(replies)
        return commands.map { _ in decoder.next(Command.Response.self) }
    }
}

/// Decodes the replies of a pipeline one after another.
@usableFromInline
struct PipelineDecoder {
    @usableFromInline var reader: RESPReader
    @usableFromInline var remaining: Int
    @usableFromInline let failure: RedisError?

    @inlinable
    init(_ replies: Replies) {
        self.reader = RESPReader(replies.bytes)
        self.remaining = replies.count
        self.failure = replies.failure
    }

    @inlinable
    mutating func next<Response: RESPDecodable>(_: Response.Type) -> Result<Response, RedisError> {
        guard self.remaining > 0 else { return .failure(self.missing) }
        self.remaining -= 1
        let start = self.reader
        do {
            return .success(try Response(from: &self.reader))
        } catch {
            // Whatever was read of the reply, the next one begins behind its end.
            self.reader = start
            do { try self.reader.skip() } catch { self.remaining = 0 }
            return .failure(RedisError(error))
        }
    }

    @usableFromInline
    var missing: RedisError {
        self.failure ?? RedisError(.protocolViolation, "a reply is missing", delivery: .unknown)
    }
}

extension RedisError {
    @usableFromInline
    static var exclusive: RedisError {
        RedisError(.exclusiveCommand, "the command would change or block the connection that all callers share")
    }
}

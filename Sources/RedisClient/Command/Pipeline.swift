public import NIOCore
public import RESP

/// What several commands in a row ask of their executor.
@usableFromInline
struct PipelineSummary {
    @usableFromInline var whole: RedisRequest
    @usableFromInline var isInTransaction = false
    /// Whether some of the commands belong together: none of those is sent again by itself.
    @usableFromInline var hasTransaction = false
    @usableFromInline var refusal: RedisError?

    @inlinable
    init(_ timeout: Duration?) {
        self.whole = RedisRequest(count: 0, timeout: timeout, isIdempotent: true)
        self.whole.isReadOnly = true
    }

    @inlinable
    mutating func add(_ command: some RedisCommand) {
        self.whole.count += 1
        self.whole.timeoutFactor = max(self.whole.timeoutFactor, command.timeoutFactor)
        self.whole.isIdempotent = self.whole.isIdempotent && command.isIdempotent
        self.whole.isReadOnly = self.whole.isReadOnly && command.isReadOnly
        self.whole.waitsForServer = self.whole.waitsForServer && command.waitsForServer
        self.whole.ignoresCancellation = self.whole.ignoresCancellation || command.ignoresCancellation
        let use = command.connectionUse
        if use != .shared { self.add(use) }
    }

    @usableFromInline
    mutating func add(_ use: ConnectionUse) {
        if use == .beginsTransaction { self.hasTransaction = true }
        switch use {
        case .shared: break
        case .beginsTransaction where !self.isInTransaction: self.isInTransaction = true
        case .endsTransaction where self.isInTransaction: self.isInTransaction = false
        case .beginsTransaction, .endsTransaction:
            self.refusal = RedisError(.exclusiveCommand, "MULTI and EXEC do not match in this pipeline")
        case .blocking: self.refusal = RedisError(.exclusiveCommand, "a command that blocks cannot be in a pipeline")
        case .exclusive: self.whole.connectionUse = .exclusive
        case .unsupported: self.refusal = .unsupported
        }
    }

    /// - Throws: ``RedisError`` with `exclusiveCommand` for what would leave the connection in a state of its own.
    @usableFromInline
    var request: RedisRequest {
        get throws {
            if let refusal { throw refusal }
            if self.isInTransaction { throw RedisError(.exclusiveCommand, "MULTI without EXEC in this pipeline") }
            return self.whole
        }
    }
}

/// The scripts that have been sent in full within one pipeline: the first call carries the source, so that the others
/// find it whatever the server knew before.
@usableFromInline
struct ScriptsSent {
    @usableFromInline var digests: [String] = []

    @inlinable
    init() {}

    @inlinable
    mutating func encode(_ command: some RedisCommand, into buffer: inout ByteBuffer) {
        // Beyond every limit: refused as a whole, before the buffer is full.
        if buffer.readableBytes > 1 << 31 { return }
        guard let script = command.script else { return command.encode(into: &buffer) }
        if self.digests.contains(script.digest) { return command.encode(into: &buffer) }
        self.digests.append(script.digest)
        command.encodeInFull(into: &buffer)
    }
}

/// Decodes the replies of a pipeline one after another.
@usableFromInline
struct PipelineDecoder {
    @usableFromInline var reader: RESPReader
    @usableFromInline var remaining: Int
    @usableFromInline var hasErrors = false
    @usableFromInline let failure: RedisError?

    @inlinable
    init(_ replies: RedisReplies) {
        self.reader = RESPReader(replies.bytes)
        self.remaining = replies.count
        self.failure = replies.failure
    }

    @inlinable
    mutating func next<Response: RESPDecodable>(_: Response.Type) -> Result<Response, RedisError> {
        guard self.remaining > 0 else { return .failure(self.missing) }
        self.remaining -= 1
        let start = self.reader.place
        do {
            return .success(try self.reader.readReply(as: Response.self))
        } catch {
            self.hasErrors = true
            // Whatever was read of the reply, the next one begins behind its end.
            self.reader.place = start
            let failure = RedisError(error, of: self.reader)
            do { try self.reader.skip() } catch { self.remaining = 0 }
            return .failure(failure)
        }
    }

    @usableFromInline
    var missing: RedisError {
        self.failure ?? RedisError(.protocolViolation, "a reply is missing", delivery: .unknown)
    }
}

extension RedisError {
    static var notRunning: RedisError {
        RedisError(
            .notRunning,
            "run() of the client had not begun by the deadline; run it as a service or as a child task"
        )
    }

    static var exclusive: RedisError {
        RedisError(
            .exclusiveCommand,
            "the command changes the connection that all callers share; use withConnection(_:)"
        )
    }

    static var unsupported: RedisError {
        RedisError(.exclusiveCommand, "the command's replies do not follow the order of commands")
    }
}

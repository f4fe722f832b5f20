public import NIOCore

/// A command whose caller knows that it may be carried out twice.
public struct IdempotentCommand<Command: RedisCommand>: RedisCommand {
    /// As the command's own.
    public typealias Response = Command.Response
    /// The command as it was.
    public let command: Command

    @inlinable
    init(_ command: Command) { self.command = command }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) { self.command.encode(into: &buffer) }

    /// Appends the command in full.
    @inlinable
    public func encodeInFull(into buffer: inout ByteBuffer) { self.command.encodeInFull(into: &buffer) }

    /// Names the command's keys.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { self.command.addKeys(to: &keys) }

    /// As the command's own.
    @inlinable public var script: Script? { self.command.script }
    /// As the command's own.
    @inlinable public var isReadOnly: Bool { self.command.isReadOnly }
    /// Always.
    @inlinable public var isIdempotent: Bool { true }
    /// As the command's own.
    @inlinable public var ignoresCancellation: Bool { self.command.ignoresCancellation }
    /// As the command's own.
    @inlinable public var connectionUse: ConnectionUse { self.command.connectionUse }
    /// As the command's own.
    @inlinable public var timeoutFactor: Int { self.command.timeoutFactor }
}

extension RedisCommand {
    /// The same command, sent again when a connection was lost before its reply.
    ///
    /// Right where carrying it out twice does no harm, others' writes in between included, and where the second reply
    /// is as good as the first: `SET` of a key that only this caller writes, `DEL` whose count nobody looks at.
    ///
    /// - Returns: the command, with `isIdempotent` true.
    @inlinable
    public func markedIdempotent() -> IdempotentCommand<Self> { IdempotentCommand(self) }
}

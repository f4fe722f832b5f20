public import NIOCore
public import RESP

/// A command with the type of its result.
///
/// Conform your own types to add commands that are encoded without detours.
public protocol RedisCommand: Sendable {
    /// What the reply is decoded to.
    associatedtype Response: RESPDecodable

    /// Appends the whole command: `writeCommandHeader(count:)`, then as many bulk strings.
    func encode(into buffer: inout ByteBuffer)

    /// Whether the command may be sent again when a connection was lost before its reply; `false` by default.
    var isIdempotent: Bool { get }
    /// By how much the default time-out is multiplied: 8 for commands over many keys, 1 by default.
    var timeoutFactor: Int { get }
}

extension RedisCommand {
    /// A command is sent at most once unless it says otherwise.
    @inlinable public var isIdempotent: Bool { false }
    /// The default time-out as it is.
    @inlinable public var timeoutFactor: Int { 1 }
}

/// Any command, by its words.
///
/// The reply is decoded to `Response`; `RESPValue` takes whatever comes.
public struct RawCommand<Response: RESPDecodable>: RedisCommand {
    @usableFromInline let words: ByteBuffer
    /// As given at the initializer.
    public let isIdempotent: Bool

    /// A command of a name and any number of arguments.
    ///
    /// - Parameters:
    ///   - name: the command's first word.
    ///   - arguments: the words behind it.
    ///   - returning: what the reply is decoded to.
    ///   - isIdempotent: whether it may be sent again after a lost connection.
    @inlinable
    public init<each Argument: RESPArgument>(
        _ name: String,
        _ arguments: repeat each Argument,
        returning: Response.Type = Response.self,
        isIdempotent: Bool = false
    ) {
        var count = 1
        for _ in repeat each arguments { count += 1 }
        var words = ByteBuffer()
        words.writeCommandHeader(count: count)
        name.writeBulkString(into: &words)
        for argument in repeat each arguments { argument.writeBulkString(into: &words) }
        self.words = words
        self.isIdempotent = isIdempotent
    }

    /// Appends the words.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self.words) }
}

public import NIOCore
public import RESP

/// A Lua script that is sent by its SHA-1 name, and as text only when the server does not know it.
public struct Script: Sendable, Hashable {
    /// The Lua text.
    public let source: String
    /// The name the server gives it.
    public let digest: String

    /// A script; the digest is computed here, so make it once.
    public init(_ source: String) {
        self.source = source
        self.digest = SHA1.hexDigest(of: source.utf8)
    }
}

/// A script with its keys and arguments: EVALSHA, and EVAL where the server may not know it.
public struct ScriptCall<Response: RESPDecodable>: RedisCommand {
    @usableFromInline let source: Script
    @usableFromInline let words: ByteBuffer
    @usableFromInline let count: Int
    /// Where the keys end, which come first.
    @usableFromInline let keys: WordEnds
    /// As given at the initializer.
    public let isIdempotent: Bool
    /// As given at the initializer.
    public let ignoresCancellation: Bool

    /// A call of `script`.
    ///
    /// In a cluster all keys must be of one slot.
    ///
    /// - Parameters:
    ///   - script: what to run.
    ///   - keys: `KEYS` of the script.
    ///   - arguments: `ARGV` of the script.
    ///   - returning: what the reply is decoded to.
    ///   - isIdempotent: whether it may be sent again after a lost connection.
    ///   - ignoresCancellation: whether it is sent even by a task that is already cancelled.
    @inlinable
    public init<each Key: RESPArgument, each Argument: RESPArgument>(
        _ script: Script,
        keys: (repeat each Key),
        arguments: (repeat each Argument),
        returning: Response.Type = Response.self,
        isIdempotent: Bool = false,
        ignoresCancellation: Bool = false
    ) {
        var words = EncodedWords()
        for key in repeat each keys { words.append(key) }
        let ends = words.ends
        var count = ends.count
        for argument in repeat each arguments {
            argument.writeBulkString(into: &words.bytes)
            count += 1
        }
        self.isIdempotent = isIdempotent
        self.ignoresCancellation = ignoresCancellation
        self.source = script
        self.words = words.bytes
        self.count = count
        self.keys = ends
    }

    /// A call of `script` with keys and arguments whose numbers are known at run time only.
    ///
    /// In a cluster all keys must be of one slot.
    ///
    /// - Parameters:
    ///   - script: what to run.
    ///   - keys: `KEYS` of the script, of any types.
    ///   - arguments: `ARGV` of the script, of any types.
    ///   - returning: what the reply is decoded to.
    ///   - isIdempotent: whether it may be sent again after a lost connection.
    ///   - ignoresCancellation: whether it is sent even by a task that is already cancelled.
    public init(
        _ script: Script,
        keys: [any RESPArgument],
        arguments: [any RESPArgument] = [],
        returning: Response.Type = Response.self,
        isIdempotent: Bool = false,
        ignoresCancellation: Bool = false
    ) {
        var words = EncodedWords()
        for key in keys { words.append(key) }
        self.keys = words.ends
        for argument in arguments { argument.writeBulkString(into: &words.bytes) }
        self.isIdempotent = isIdempotent
        self.ignoresCancellation = ignoresCancellation
        self.source = script
        self.words = words.bytes
        self.count = keys.count + arguments.count
    }

    /// Appends EVALSHA with the script's name.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        self.encode("EVALSHA", self.source.digest, into: &buffer)
    }

    /// Appends EVAL with the script's text.
    @inlinable
    public func encodeInFull(into buffer: inout ByteBuffer) {
        self.encode("EVAL", self.source.source, into: &buffer)
    }

    /// Names the script's `KEYS`.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) {
        for index in 0..<self.keys.count { keys.add(self.keys.word(index, in: self.words)) }
    }

    /// The script that is run.
    @inlinable public var script: Script? { self.source }

    @inlinable
    func encode(_ name: StaticString, _ script: String, into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.count + 3)
        buffer.writeWord(name)
        script.writeBulkString(into: &buffer)
        self.keys.count.writeBulkString(into: &buffer)
        buffer.writeImmutableBuffer(self.words)
    }
}

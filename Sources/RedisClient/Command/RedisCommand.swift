public import NIOCore
public import RESP

/// A command with the type of its result.
///
/// Conform your own types to add commands that are encoded without detours.
///
/// The commands that are here already are named as the server spells them, and take their arguments in the server's
/// order. Lists of keys, fields or members must not be empty: the server refuses the command then, which is thrown as
/// ``RedisError`` with code `server`, as anything else that it refuses.
public protocol RedisCommand<Response>: Sendable, CustomStringConvertible, CustomReflectable {
    /// What the reply is decoded to.
    associatedtype Response: RESPDecodable

    /// Appends the whole command: `writeCommandHeader(count:)`, then as many bulk strings.
    func encode(into buffer: inout ByteBuffer)
    /// Appends the command in the form that needs nothing stored on the server: EVAL in place of EVALSHA.
    ///
    /// The same as ``encode(into:)`` by default.
    func encodeInFull(into buffer: inout ByteBuffer)
    /// The script that ``encode(into:)`` names and ``encodeInFull(into:)`` carries; `nil` by default.
    var script: Script? { get }

    /// Whether the command may be sent again when a connection was lost before its reply; `false` by default.
    var isIdempotent: Bool { get }
    /// Whether the command is sent even by a task that is already cancelled, to clean up; `false` by default.
    var ignoresCancellation: Bool { get }
    /// What the command does to the connection it goes over; ``ConnectionUse/shared`` by default.
    var connectionUse: ConnectionUse { get }
    /// By how much the default time-out is multiplied: 8 for commands over many keys, 1 by default.
    var timeoutFactor: Int { get }
    /// Whether the command changes nothing, so that a replica may answer it; `false` by default.
    var isReadOnly: Bool { get }
    /// Whether the command waits, until its deadline, for a server that cannot answer at the moment (LOADING, BUSY, MASTERDOWN,
    /// CLUSTERDOWN), if it may be repeated; `true` by default.
    var waitsForServer: Bool { get }
    /// Names the keys of the command, by which a cluster's client finds the node to send it to; none by default.
    ///
    /// A command that does not name its keys goes to any node first, which sends it on.
    func addKeys(to keys: inout CommandKeys)
}

extension RedisCommand {
    /// The one form there is, unless the command says otherwise.
    @inlinable public func encodeInFull(into buffer: inout ByteBuffer) { self.encode(into: &buffer) }
    /// No script unless the command says otherwise.
    @inlinable public var script: Script? { nil }
    /// A command is sent at most once unless it says otherwise.
    @inlinable public var isIdempotent: Bool { false }
    /// A cancelled task sends nothing unless the command says otherwise.
    @inlinable public var ignoresCancellation: Bool { false }
    /// A command leaves the connection as it is unless it says otherwise.
    @inlinable public var connectionUse: ConnectionUse { .shared }
    /// The default time-out as it is.
    @inlinable public var timeoutFactor: Int { 1 }
    /// A command may write unless it says otherwise.
    @inlinable public var isReadOnly: Bool { false }
    /// A command waits for the server unless it says otherwise.
    @inlinable public var waitsForServer: Bool { true }
    /// No keys unless the command names some.
    @inlinable public func addKeys(to keys: inout CommandKeys) {}
    /// The type, not the words: they are keys and values.
    public var description: String { "\(Self.self)" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Any command, by its words.
///
/// The reply is decoded to `Response`; `RESPValue` takes whatever comes.
public struct RawCommand<Response: RESPDecodable>: RedisCommand, CustomStringConvertible {
    /// As the command's name implies.
    public let connectionUse: ConnectionUse
    /// Not the words, which may hold a password.
    public var description: String { "RawCommand" }
    @usableFromInline let words: ByteBuffer
    @usableFromInline let ends: WordEnds
    /// As given at the initializer.
    public let isIdempotent: Bool
    /// As given at the initializer.
    public let isReadOnly: Bool

    /// A command of a name and any number of arguments.
    ///
    /// Which of them are keys follows from the name; of an unknown one, the first is. All must be in one slot of a
    /// cluster.
    ///
    /// - Parameters:
    ///   - name: the command's first word.
    ///   - arguments: the words behind it.
    ///   - returning: what the reply is decoded to.
    ///   - isIdempotent: whether it may be sent again after a lost connection.
    ///   - isReadOnly: whether it changes nothing, so that a replica may answer it.
    @inlinable
    public init<each Argument: RESPArgument>(
        _ name: String,
        _ arguments: repeat each Argument,
        returning: Response.Type = Response.self,
        isIdempotent: Bool = false,
        isReadOnly: Bool = false
    ) {
        var count = 1
        for _ in repeat each arguments { count += 1 }
        var words = EncodedWords(header: count)
        words.append(name)
        for argument in repeat each arguments { words.append(argument) }
        self.init(words, isIdempotent: isIdempotent, isReadOnly: isReadOnly)
    }

    /// A command of a name and a list of arguments whose number is known at run time only.
    ///
    /// ```swift
    /// let fields: [any RESPArgument] = ["events", "*"] + entry.flatMap { [$0.key, $0.value] }
    /// let id = try await client.execute(RawCommand("XADD", arguments: fields, returning: String.self))
    /// ```
    ///
    /// - Parameters:
    ///   - name: the command's first word.
    ///   - arguments: the words after it, of any types.
    ///   - returning: what the reply is decoded to.
    ///   - isIdempotent: whether it may be sent again after a lost connection.
    ///   - isReadOnly: whether it changes nothing, so that a replica may answer it.
    public init(
        _ name: String,
        arguments: [any RESPArgument],
        returning: Response.Type = Response.self,
        isIdempotent: Bool = false,
        isReadOnly: Bool = false
    ) {
        var words = EncodedWords(header: arguments.count + 1)
        words.append(name)
        for argument in arguments { words.append(argument) }
        self.init(words, isIdempotent: isIdempotent, isReadOnly: isReadOnly)
    }

    @usableFromInline
    init(_ words: EncodedWords, isIdempotent: Bool, isReadOnly: Bool) {
        self.words = words.bytes
        self.ends = words.ends
        self.isReadOnly = isReadOnly
        self.isIdempotent = isIdempotent
        self.connectionUse = ConnectionUse(of: words.bytes.readableBytesUInt8Span, count: 1) ?? .shared
    }

    /// Appends the words.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self.words) }

    /// Names the words that are keys, by the command's name.
    public func addKeys(to keys: inout CommandKeys) {
        let word = { self.ends.word($0, in: self.words) }
        for place in KeyPlaces.find(count: self.ends.count, text: { word($0).text }) { keys.add(word(place)) }
    }
}

public import NIOCore
public import RESP

/// `BLPOP key … timeout`: the first element of the first list that has one.
///
/// Takes a connection of its own for as long as it waits. Cancelled, it closes that connection; an element taken at
/// the same moment is lost.
public struct BLPOP<Key: RESPArgument, Name: RESPDecodable, Value: RESPDecodable>: RedisCommand {
    /// The list's key and the element, or `nil` when the time was over.
    public typealias Response = PoppedElement<Name, Value>?
    @usableFromInline let command: BlockingPop<Key>

    /// Waits for an element of one of the lists at `keys`.
    ///
    /// - Parameters:
    ///   - keys: the lists, in order of preference.
    ///   - limit: how long to wait; `nil`: without end.
    ///   - as: what key and element are decoded to.
    @inlinable
    public init(_ keys: [Key], upTo limit: Duration?, as: (Name, Value).Type = (Name, Value).self) {
        self.command = BlockingPop("BLPOP", keys, limit)
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) { self.command.encode(into: &buffer) }

    /// Names the lists' keys.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { for key in self.command.keys { keys.add(key) } }

    /// It blocks for as long as it was told.
    @inlinable public var connectionUse: ConnectionUse { .blocking(upTo: self.command.limit) }
}

/// `BRPOP key … timeout`: the last element of the first list that has one; else as ``BLPOP``.
public struct BRPOP<Key: RESPArgument, Name: RESPDecodable, Value: RESPDecodable>: RedisCommand {
    /// The list's key and the element, or `nil` when the time was over.
    public typealias Response = PoppedElement<Name, Value>?
    @usableFromInline let command: BlockingPop<Key>

    /// Waits for an element of one of the lists at `keys`; `limit` `nil`: without end.
    @inlinable
    public init(_ keys: [Key], upTo limit: Duration?, as: (Name, Value).Type = (Name, Value).self) {
        self.command = BlockingPop("BRPOP", keys, limit)
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) { self.command.encode(into: &buffer) }

    /// Names the lists' keys.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { for key in self.command.keys { keys.add(key) } }

    /// It blocks for as long as it was told.
    @inlinable public var connectionUse: ConnectionUse { .blocking(upTo: self.command.limit) }
}

/// What a blocking pop has taken, and from where.
public struct PoppedElement<Name: RESPDecodable, Value: RESPDecodable>: RESPDecodable {
    /// The list's key.
    public let key: Name
    /// The element.
    public let value: Value

    /// Reads an array of key and element.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        var elements = try reader.readAggregate()
        guard elements.count == 2, try reader.hasNext(&elements) else {
            throw RESPError(.unexpectedType, "not a key and an element")
        }
        self.key = try Name(from: &reader)
        guard try reader.hasNext(&elements) else { throw RESPError(.unexpectedType, "a key without an element") }
        self.value = try Value(from: &reader)
    }
}

/// The common form of blocking pops.
@usableFromInline
struct BlockingPop<Key: RESPArgument>: Sendable {
    @usableFromInline let name: StaticString
    @usableFromInline let keys: [Key]
    @usableFromInline let limit: Duration?

    @inlinable
    init(_ name: StaticString, _ keys: [Key], _ limit: Duration?) {
        self.name = name
        self.keys = keys
        self.limit = limit
    }

    @usableFromInline
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.keys.count + 2)
        buffer.writeWord(self.name)
        for key in self.keys where buffer.readableBytes < 1 << 31 { key.writeBulkString(into: &buffer) }
        // 0 means without end: a limit that is shorter than a millisecond is one.
        let milliseconds = self.limit.map { max(1, $0.nanosecondsClamped / 1_000_000) } ?? 0
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        let fraction = String(rest)
        "\(seconds).\(String(repeating: "0", count: 3 - fraction.utf8.count))\(fraction)".writeBulkString(into: &buffer)
    }
}

public import NIOCore
public import RESP

/// What is at a key, as TYPE and SCAN name it; modules may add names.
public struct KeyType: RESPDecodable, RESPArgument, Hashable, CustomStringConvertible {
    /// The server's word.
    public let name: String

    /// The type with this name.
    public init(_ name: String) { self.name = name }

    /// No such key.
    public static var none: KeyType { KeyType("none") }
    /// A string.
    public static var string: KeyType { KeyType("string") }
    /// A list.
    public static var list: KeyType { KeyType("list") }
    /// A set.
    public static var set: KeyType { KeyType("set") }
    /// A sorted set.
    public static var sortedSet: KeyType { KeyType("zset") }
    /// A hash.
    public static var hash: KeyType { KeyType("hash") }
    /// A stream.
    public static var stream: KeyType { KeyType("stream") }

    /// The name.
    public var description: String { self.name }

    /// Reads the name.
    public init(from reader: inout RESPReader) throws(RESPError) { self.name = try reader.readString() }

    /// Appends the name.
    public func writeBulkString(into buffer: inout ByteBuffer) { self.name.writeBulkString(into: &buffer) }
}

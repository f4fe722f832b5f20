/// The first byte of every RESP element, in RESP2 and RESP3.
///
/// Source: the RESP3 specification, https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
public struct RESPType: Sendable, Hashable {
    /// The byte as it stands on the wire.
    public let byte: UInt8

    /// Wraps a byte, known or not.
    @inlinable
    public init(byte: UInt8) { self.byte = byte }

    /// A simple string, as `+OK`.
    @inlinable public static var simpleString: RESPType { RESPType(byte: 0x2B) }
    /// An error, as `-ERR …`.
    @inlinable public static var simpleError: RESPType { RESPType(byte: 0x2D) }
    /// An integer, as `:42`.
    @inlinable public static var integer: RESPType { RESPType(byte: 0x3A) }
    /// A string with a length, as `$5 hello`; `$-1` is the null of RESP2, `$?` a streamed string.
    @inlinable public static var bulkString: RESPType { RESPType(byte: 0x24) }
    /// An array, as `*2 …`; `*-1` is the null of RESP2, `*?` a streamed array.
    @inlinable public static var array: RESPType { RESPType(byte: 0x2A) }
    /// The null of RESP3, `_`.
    @inlinable public static var null: RESPType { RESPType(byte: 0x5F) }
    /// A boolean, `#t` or `#f`.
    @inlinable public static var boolean: RESPType { RESPType(byte: 0x23) }
    /// A double, as `,3.14`.
    @inlinable public static var double: RESPType { RESPType(byte: 0x2C) }
    /// A number of any size, as `(12345678901234567890`.
    @inlinable public static var bigNumber: RESPType { RESPType(byte: 0x28) }
    /// An error with a length, as `!21 SYNTAX …`.
    @inlinable public static var bulkError: RESPType { RESPType(byte: 0x21) }
    /// A string with a format, as `=15 txt:…`.
    @inlinable public static var verbatimString: RESPType { RESPType(byte: 0x3D) }
    /// A map, as `%2 …` with two pairs.
    @inlinable public static var map: RESPType { RESPType(byte: 0x25) }
    /// A set, as `~2 …`.
    @inlinable public static var set: RESPType { RESPType(byte: 0x7E) }
    /// Data out of band, at top level only, as `>3 …`.
    @inlinable public static var push: RESPType { RESPType(byte: 0x3E) }
    /// Pairs about the element that follows, as `|1 …`.
    @inlinable public static var attribute: RESPType { RESPType(byte: 0x7C) }
    /// One piece of a streamed string, as `;4 …`; `;0` is the last.
    @inlinable public static var chunk: RESPType { RESPType(byte: 0x3B) }
    /// The end of a streamed aggregate, `.`.
    @inlinable public static var end: RESPType { RESPType(byte: 0x2E) }
}

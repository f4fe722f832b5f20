public import NIOCore
public import RESP

/// `GET key`: the value, or `nil`.
public struct GET<Key: RESPArgument, Value: RESPDecodable>: RedisCommand {
    /// The value, or `nil` when there is no such key.
    public typealias Response = Value?
    @usableFromInline let key: Key

    /// Reads the string at `key`, decoded to `Value`.
    @inlinable
    public init(_ key: Key, as: Value.Type = Value.self) { self.key = key }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*2\r\n$3\r\nGET\r\n")
        self.key.writeBulkString(into: &buffer)
    }

    /// A read.
    @inlinable public var isIdempotent: Bool { true }
}

/// `SET key value [PX milliseconds]`, without a condition.
public struct SET<Key: RESPArgument, Value: RESPArgument>: RedisCommand {
    /// The text `OK`.
    public typealias Response = String
    @usableFromInline let key: Key
    @usableFromInline let value: Value
    @usableFromInline let milliseconds: Int?

    /// Stores `value`, for `timeToLive` milliseconds or without end.
    @inlinable
    public init(_ key: Key, _ value: Value, milliseconds: Int? = nil) {
        self.key = key
        self.value = value
        self.milliseconds = milliseconds
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        if let milliseconds {
            buffer.writeWire("*5\r\n$3\r\nSET\r\n")
            self.key.writeBulkString(into: &buffer)
            self.value.writeBulkString(into: &buffer)
            buffer.writeWire("$2\r\nPX\r\n")
            milliseconds.writeBulkString(into: &buffer)
        } else {
            buffer.writeWire("*3\r\n$3\r\nSET\r\n")
            self.key.writeBulkString(into: &buffer)
            self.value.writeBulkString(into: &buffer)
        }
    }
}

/// `MGET key …`: the values in order, `nil` where there is none.
public struct MGET<Key: RESPArgument, Value: RESPDecodable>: RedisCommand {
    /// As many values as keys.
    public typealias Response = [Value?]
    @usableFromInline let keys: [Key]

    /// Reads the strings at `keys`, decoded to `Value`.
    @inlinable
    public init(_ keys: [Key], as: Value.Type = Value.self) { self.keys = keys }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.keys.count + 1)
        buffer.writeWire("$4\r\nMGET\r\n")
        for key in self.keys { key.writeBulkString(into: &buffer) }
    }

    /// A read.
    @inlinable public var isIdempotent: Bool { true }
    /// Many keys.
    @inlinable public var timeoutFactor: Int { 8 }
}

/// `HGETALL key`: all fields with their values.
public struct HGETALL<Key: RESPArgument, Field: RESPDecodable & Hashable, Value: RESPDecodable>: RedisCommand {
    /// Empty when there is no such key.
    public typealias Response = [Field: Value]
    @usableFromInline let key: Key

    /// Reads the hash at `key`, decoded to `[Field: Value]`.
    @inlinable
    public init(_ key: Key, as: [Field: Value].Type = [Field: Value].self) { self.key = key }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*2\r\n$7\r\nHGETALL\r\n")
        self.key.writeBulkString(into: &buffer)
    }

    /// A read.
    @inlinable public var isIdempotent: Bool { true }
}

/// `HGET key field`: the value, or `nil`.
public struct HGET<Key: RESPArgument, Field: RESPArgument, Value: RESPDecodable>: RedisCommand {
    /// The value, or `nil` when there is no such key or field.
    public typealias Response = Value?
    @usableFromInline let key: Key
    @usableFromInline let field: Field

    /// Reads one field of the hash at `key`, decoded to `Value`.
    @inlinable
    public init(_ key: Key, _ field: Field, as: Value.Type = Value.self) {
        self.key = key
        self.field = field
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*3\r\n$4\r\nHGET\r\n")
        self.key.writeBulkString(into: &buffer)
        self.field.writeBulkString(into: &buffer)
    }

    /// A read.
    @inlinable public var isIdempotent: Bool { true }
}

/// `LRANGE key start stop`: the elements, both ends included; negative indices count from the end.
public struct LRANGE<Key: RESPArgument, Element: RESPDecodable>: RedisCommand {
    /// The elements in order.
    public typealias Response = [Element]
    @usableFromInline let key: Key
    @usableFromInline let start: Int
    @usableFromInline let stop: Int

    /// Reads a part of the list at `key`, decoded to `Element`; all of it by default.
    @inlinable
    public init(_ key: Key, _ start: Int = 0, _ stop: Int = -1, as: Element.Type = Element.self) {
        self.key = key
        self.start = start
        self.stop = stop
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeWire("*4\r\n$6\r\nLRANGE\r\n")
        self.key.writeBulkString(into: &buffer)
        self.start.writeBulkString(into: &buffer)
        self.stop.writeBulkString(into: &buffer)
    }

    /// A read.
    @inlinable public var isIdempotent: Bool { true }
}

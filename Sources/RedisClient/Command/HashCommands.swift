public import NIOCore
public import RESP

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
    /// A read.
    @inlinable public var isReadOnly: Bool { true }

    /// Names the key.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }
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
    /// A read.
    @inlinable public var isReadOnly: Bool { true }

    /// Names the key.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }
}

/// `HSET key field value …`: stores fields; how many were new.
///
/// A field's time to live ends with its old value.
@inlinable
public func HSET<Fields: Collection & Sendable, Field: RESPArgument, Value: RESPArgument>(
    _ key: some RESPArgument,
    _ fields: Fields
) -> some RedisCommand<Int> where Fields.Element == (key: Field, value: Value) {
    TypedCommand(writing: "HSET", Int.self).key(key).pairs(fields)
}

/// `HSETNX key field value`: stores a field if it is not there; whether it did.
@inlinable
public func HSETNX(
    _ key: some RESPArgument,
    _ field: some RESPArgument,
    _ value: some RESPArgument
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "HSETNX", Bool.self).key(key).word(field).word(value)
}

/// `HMGET key field …`: the values in order, `nil` where there is none.
@inlinable
public func HMGET<Value: RESPDecodable>(
    _ key: some RESPArgument,
    _ fields: [some RESPArgument],
    as: Value.Type = String.self
) -> some RedisCommand<[Value?]> {
    TypedCommand(reading: "HMGET", [Value?].self).key(key).list(fields)
}

/// `HDEL key field …`: removes fields; how many there were.
@inlinable
public func HDEL(_ key: some RESPArgument, _ fields: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "HDEL", Int.self).key(key).list(fields)
}

/// `HEXISTS key field`: whether there is such a field.
@inlinable
public func HEXISTS(_ key: some RESPArgument, _ field: some RESPArgument) -> some RedisCommand<Bool> {
    TypedCommand(reading: "HEXISTS", Bool.self).key(key).word(field)
}

/// `HLEN key`: the number of fields, 0 if there is no such key.
@inlinable
public func HLEN(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "HLEN", Int.self).key(key)
}

/// `HKEYS key`: all fields; empty if there is no such key.
@inlinable
public func HKEYS<Field: RESPDecodable>(
    _ key: some RESPArgument,
    as: Field.Type = String.self
) -> some RedisCommand<[Field]> {
    TypedCommand(reading: "HKEYS", [Field].self).key(key)
}

/// `HVALS key`: the values of all fields; empty if there is no such key.
@inlinable
public func HVALS<Value: RESPDecodable>(
    _ key: some RESPArgument,
    as: Value.Type = String.self
) -> some RedisCommand<[Value]> {
    TypedCommand(reading: "HVALS", [Value].self).key(key)
}

/// `HINCRBY key field amount`: adds `amount`, to 0 if there is no such field; the new number.
@inlinable
public func HINCRBY(
    _ key: some RESPArgument,
    _ field: some RESPArgument,
    _ amount: Int
) -> some RedisCommand<Int> {
    TypedCommand(writing: "HINCRBY", Int.self).key(key).word(field).word(amount)
}

/// `HINCRBYFLOAT key field amount`: adds `amount`, to 0 if there is no such field; the new number.
@inlinable
public func HINCRBYFLOAT(
    _ key: some RESPArgument,
    _ field: some RESPArgument,
    _ amount: Double
) -> some RedisCommand<Double> {
    TypedCommand(writing: "HINCRBYFLOAT", Double.self).key(key).word(field).word(amount)
}

/// `HSTRLEN key field`: the length of the value in bytes, 0 if there is no such field.
@inlinable
public func HSTRLEN(_ key: some RESPArgument, _ field: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "HSTRLEN", Int.self).key(key).word(field)
}

/// `HRANDFIELD key`: any one field, or `nil` if there is no such key.
@inlinable
public func HRANDFIELD<Field: RESPDecodable>(
    _ key: some RESPArgument,
    as: Field.Type = String.self
) -> some RedisCommand<Field?> {
    TypedCommand(reading: "HRANDFIELD", Field?.self).key(key)
}

/// `HRANDFIELD key count`: any fields, `count` at most; a negative count gives that many, with repetitions.
@inlinable
public func HRANDFIELD<Field: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int,
    as: Field.Type = String.self
) -> some RedisCommand<[Field]> {
    TypedCommand(reading: "HRANDFIELD", [Field].self).key(key).word(count)
}

/// `HRANDFIELD key count WITHVALUES`: any fields with their values, `count` at most; a negative count gives that many,
/// with repetitions.
@inlinable
public func HRANDFIELD<Field: RESPDecodable, Value: RESPDecodable>(
    _ key: some RESPArgument,
    countWithValues count: Int,
    as: HashEntry<Field, Value>.Type = HashEntry<String, String>.self
) -> some RedisCommand<PairList<HashEntry<Field, Value>>> {
    TypedCommand(reading: "HRANDFIELD", PairList<HashEntry<Field, Value>>.self).key(key).word(count)
        .flag("WITHVALUES")
}

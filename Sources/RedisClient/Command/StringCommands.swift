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
    /// A read.
    @inlinable public var isReadOnly: Bool { true }

    /// Names the key.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }
}

/// `MGET key …`: the values in order, `nil` where there is none or something else than a string.
///
/// In a cluster, keys of several slots are read slot by slot: not at one moment.
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
    /// A read.
    @inlinable public var isReadOnly: Bool { true }

    /// Names the keys.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { for key in self.keys { keys.add(key) } }
    /// Many keys.
    @inlinable public var timeoutFactor: Int { 8 }
}

/// `MSET key value …`: stores all pairs, without time to live; always `OK`.
///
/// In a cluster, pairs of several slots are stored slot by slot: not all at once, nor all or none. `partialFailure`
/// says which ones were not stored.
@inlinable
public func MSET<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>(
    _ pairs: Pairs
) -> some RedisCommand<String> where Pairs.Element == (key: Key, value: Value) {
    // Once: where it is split over a cluster's slots, each part takes its pairs from here.
    PairStore(Array(pairs))
}

/// `MSETNX key value …`: stores all pairs if none of the keys is there; whether it did.
@inlinable
public func MSETNX<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>(
    _ pairs: Pairs
) -> some RedisCommand<Bool> where Pairs.Element == (key: Key, value: Value) {
    TypedCommand(writing: "MSETNX", Bool.self, timeoutFactor: 8).keyed(pairs)
}

/// `GETDEL key`: the value, or `nil`; the key is gone then.
@inlinable
public func GETDEL<Value: RESPDecodable>(
    _ key: some RESPArgument,
    as: Value.Type = String.self
) -> some RedisCommand<Value?> {
    TypedCommand(writing: "GETDEL", Value?.self).key(key)
}

/// `GETEX key PX|PXAT|PERSIST …`: the value, or `nil`; its time to live is changed.
@inlinable
public func GETEX<Value: RESPDecodable>(
    _ key: some RESPArgument,
    expiry: GetExpiry,
    as: Value.Type = String.self
) -> some RedisCommand<Value?> {
    TypedCommand(writing: "GETEX", Value?.self).key(key).adding(expiry.words)
}

/// `GETRANGE key start stop`: the bytes from `start` to `stop`, both included; negative ones count from the end.
///
/// Empty where there is nothing.
@inlinable
public func GETRANGE<Value: RESPDecodable>(
    _ key: some RESPArgument,
    _ start: Int,
    _ stop: Int,
    as: Value.Type = String.self
) -> some RedisCommand<Value> {
    TypedCommand(reading: "GETRANGE", Value.self).key(key).word(start).word(stop)
}

/// `SETRANGE key offset value`: overwrites bytes from `offset` on, zero bytes in front where it was shorter; the new
/// length.
@inlinable
public func SETRANGE(
    _ key: some RESPArgument,
    _ offset: Int,
    _ value: some RESPArgument
) -> some RedisCommand<Int> {
    TypedCommand(writing: "SETRANGE", Int.self).key(key).word(offset).word(value)
}

/// `STRLEN key`: the length in bytes, 0 if there is no such key.
@inlinable
public func STRLEN(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "STRLEN", Int.self).key(key)
}

/// `APPEND key value`: adds to the end; the new length.
@inlinable
public func APPEND(_ key: some RESPArgument, _ value: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(writing: "APPEND", Int.self).key(key).word(value)
}

/// `INCR key`: adds 1, to 0 if there is no such key; the new number.
@inlinable
public func INCR(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(writing: "INCR", Int.self).key(key)
}

/// `INCRBY key amount`: adds `amount`, to 0 if there is no such key; the new number.
@inlinable
public func INCRBY(_ key: some RESPArgument, _ amount: Int) -> some RedisCommand<Int> {
    TypedCommand(writing: "INCRBY", Int.self).key(key).word(amount)
}

/// `INCRBYFLOAT key amount`: adds `amount`, to 0 if there is no such key; the new number.
@inlinable
public func INCRBYFLOAT(_ key: some RESPArgument, _ amount: Double) -> some RedisCommand<Double> {
    TypedCommand(writing: "INCRBYFLOAT", Double.self).key(key).word(amount)
}

/// `DECR key`: subtracts 1, from 0 if there is no such key; the new number.
@inlinable
public func DECR(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(writing: "DECR", Int.self).key(key)
}

/// `DECRBY key amount`: subtracts `amount`, from 0 if there is no such key; the new number.
@inlinable
public func DECRBY(_ key: some RESPArgument, _ amount: Int) -> some RedisCommand<Int> {
    TypedCommand(writing: "DECRBY", Int.self).key(key).word(amount)
}

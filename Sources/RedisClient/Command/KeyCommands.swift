public import NIOCore
public import RESP

/// `DEL key …`: removes keys; how many there were.
///
/// In a cluster, keys of several slots are dealt with slot by slot; `partialFailure` says which ones were not.
@inlinable
public func DEL(_ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    KeyCount("DEL", keys, false)
}

/// `UNLINK key …`: removes keys, their memory being freed in the background; how many there were.
///
/// In a cluster, keys of several slots are dealt with slot by slot; `partialFailure` says which ones were not.
@inlinable
public func UNLINK(_ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    KeyCount("UNLINK", keys, false)
}

/// `EXISTS key …`: how many of the keys are there; one named twice counts twice.
///
/// In a cluster, keys of several slots are dealt with slot by slot; `partialFailure` says which ones were not.
@inlinable
public func EXISTS(_ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    KeyCount("EXISTS", keys, true)
}

/// `TOUCH key …`: makes keys look used, for evictions; how many are there.
///
/// In a cluster, keys of several slots are dealt with slot by slot; `partialFailure` says which ones were not.
@inlinable
public func TOUCH(_ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    // Not for a replica, where it would be of no use.
    IdempotentCommand(KeyCount("TOUCH", keys, false))
}

/// `TYPE key`: what is at the key; ``KeyType/none`` if nothing.
@inlinable
public func TYPE(_ key: some RESPArgument) -> some RedisCommand<KeyType> {
    TypedCommand(reading: "TYPE", KeyType.self).key(key)
}

/// `RENAME key new`: moves a key, over whatever is at the new one; always `OK`.
///
/// The server refuses it if there is no such key.
@inlinable
public func RENAME(_ key: some RESPArgument, _ newKey: some RESPArgument) -> some RedisCommand<String> {
    TypedCommand(writing: "RENAME", String.self).key(key).key(newKey)
}

/// `RENAMENX key new`: moves a key if nothing is at the new one; whether it did.
///
/// The server refuses it if there is no such key.
@inlinable
public func RENAMENX(_ key: some RESPArgument, _ newKey: some RESPArgument) -> some RedisCommand<Bool> {
    TypedCommand(writing: "RENAMENX", Bool.self).key(key).key(newKey)
}

/// `COPY source destination [DB database] [REPLACE]`: copies a value with its time to live; whether it did.
///
/// - Parameters:
///   - source: the key to read.
///   - destination: the key to write.
///   - database: that of the copy; the same by default.
///   - replacing: whether it may take the place of another value.
/// - Returns: the command.
@inlinable
public func COPY(
    _ source: some RESPArgument,
    _ destination: some RESPArgument,
    database: Int? = nil,
    replacing: Bool = false
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "COPY", Bool.self).key(source).key(destination).option("DB", database)
        .flag(replacing ? "REPLACE" : nil)
}

/// `RANDOMKEY`: any key, or `nil` if the database is empty.
@inlinable
public func RANDOMKEY<Key: RESPDecodable>(as: Key.Type = String.self) -> some RedisCommand<Key?> {
    TypedCommand(reading: "RANDOMKEY", Key?.self)
}

/// `DUMP key`: the value in the server's own form, for ``RESTORE(_:_:expiry:replacing:)``, or `nil`.
@inlinable
public func DUMP(_ key: some RESPArgument) -> some RedisCommand<ByteBuffer?> {
    TypedCommand(reading: "DUMP", ByteBuffer?.self).key(key)
}

/// `RESTORE key 0|milliseconds dump [REPLACE] [ABSTTL]`: stores what DUMP gave; always `OK`.
///
/// The server answers `BUSYKEY` if the key is there and `replacing` is false, and refuses dumps of newer servers.
///
/// - Parameters:
///   - key: where to store.
///   - dump: what DUMP gave.
///   - expiry: when it ends; never by default.
///   - replacing: whether it may take the place of another value.
/// - Returns: the command.
@inlinable
public func RESTORE(
    _ key: some RESPArgument,
    _ dump: ByteBuffer,
    expiry: RestoreExpiry = .never,
    replacing: Bool = false
) -> some RedisCommand<String> {
    TypedCommand(writing: "RESTORE", String.self).key(key).word(expiry.milliseconds).word(dump)
        .flag(replacing ? "REPLACE" : nil).flag(expiry.isAbsolute ? "ABSTTL" : nil)
}

/// The commands below OBJECT: what the server knows of a value besides its content.
public enum OBJECT {
    /// `OBJECT ENCODING key`: how the value lies in memory, such as `listpack`, or `nil` if there is no such key.
    @inlinable
    public static func ENCODING(_ key: some RESPArgument) -> some RedisCommand<String?> {
        TypedCommand(reading: "OBJECT", String?.self).flag("ENCODING").key(key)
    }

    /// `OBJECT FREQ key`: a logarithmic count of uses, or `nil` if there is no such key.
    ///
    /// The server refuses it unless its eviction policy is one of the LFU ones.
    @inlinable
    public static func FREQ(_ key: some RESPArgument) -> some RedisCommand<Int?> {
        TypedCommand(reading: "OBJECT", Int?.self).flag("FREQ").key(key)
    }

    /// `OBJECT IDLETIME key`: the time since the last use, or `nil` if there is no such key.
    ///
    /// The server refuses it if its eviction policy is one of the LFU ones.
    @inlinable
    public static func IDLETIME(_ key: some RESPArgument) -> some RedisCommand<IdleTime?> {
        TypedCommand(reading: "OBJECT", IdleTime?.self).flag("IDLETIME").key(key)
    }
}

public import NIOCore
public import RESP

/// `LRANGE key start stop`: the elements, both ends included; negative indices count from the end.
public struct LRANGE<Key: RESPArgument, Element: RESPDecodable>: RedisCommand {
    /// The elements in order; empty if there is no such key.
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
    /// A read.
    @inlinable public var isReadOnly: Bool { true }

    /// Names the key.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }
}

/// An end of a list.
public struct ListEnd: Sendable, Hashable {
    @usableFromInline let isLeft: Bool

    /// The first element's side.
    public static var left: ListEnd { ListEnd(isLeft: true) }
    /// The last element's side.
    public static var right: ListEnd { ListEnd(isLeft: false) }

    @inlinable var word: StaticString { self.isLeft ? "LEFT" : "RIGHT" }
}

/// `LPUSH key element …`: adds elements in front, one after another; the new length.
@inlinable
public func LPUSH(_ key: some RESPArgument, _ elements: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "LPUSH", Int.self).key(key).list(elements)
}

/// `RPUSH key element …`: adds elements at the end; the new length.
@inlinable
public func RPUSH(_ key: some RESPArgument, _ elements: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "RPUSH", Int.self).key(key).list(elements)
}

/// `LPUSHX key element …`: as ``LPUSH(_:_:)``, if there is such a list; the new length, 0 if there is none.
@inlinable
public func LPUSHX(_ key: some RESPArgument, _ elements: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "LPUSHX", Int.self).key(key).list(elements)
}

/// `RPUSHX key element …`: as ``RPUSH(_:_:)``, if there is such a list; the new length, 0 if there is none.
@inlinable
public func RPUSHX(_ key: some RESPArgument, _ elements: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "RPUSHX", Int.self).key(key).list(elements)
}

/// `LPOP key`: takes out the first element, or `nil` if there is none.
@inlinable
public func LPOP<Element: RESPDecodable>(
    _ key: some RESPArgument,
    as: Element.Type = String.self
) -> some RedisCommand<Element?> {
    TypedCommand(writing: "LPOP", Element?.self).key(key)
}

/// `LPOP key count`: takes out the first elements, `count` at most; `nil` if there is no such key.
@inlinable
public func LPOP<Element: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int,
    as: Element.Type = String.self
) -> some RedisCommand<[Element]?> {
    TypedCommand(writing: "LPOP", [Element]?.self).key(key).word(count)
}

/// `RPOP key`: takes out the last element, or `nil` if there is none.
@inlinable
public func RPOP<Element: RESPDecodable>(
    _ key: some RESPArgument,
    as: Element.Type = String.self
) -> some RedisCommand<Element?> {
    TypedCommand(writing: "RPOP", Element?.self).key(key)
}

/// `RPOP key count`: takes out the last elements, the very last first, `count` at most; `nil` if there is no such key.
@inlinable
public func RPOP<Element: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int,
    as: Element.Type = String.self
) -> some RedisCommand<[Element]?> {
    TypedCommand(writing: "RPOP", [Element]?.self).key(key).word(count)
}

/// `LLEN key`: the number of elements, 0 if there is no such key.
@inlinable
public func LLEN(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "LLEN", Int.self).key(key)
}

/// `LINDEX key index`: the element there, or `nil`; negative indices count from the end.
@inlinable
public func LINDEX<Element: RESPDecodable>(
    _ key: some RESPArgument,
    _ index: Int,
    as: Element.Type = String.self
) -> some RedisCommand<Element?> {
    TypedCommand(reading: "LINDEX", Element?.self).key(key).word(index)
}

/// `LSET key index element`: replaces an element; always `OK`.
///
/// The server refuses it if there is no such key or index.
@inlinable
public func LSET(
    _ key: some RESPArgument,
    _ index: Int,
    _ element: some RESPArgument
) -> some RedisCommand<String> {
    TypedCommand(writing: "LSET", String.self).key(key).word(index).word(element)
}

/// `LREM key count element`: removes equal elements, `count` from the front, from the end if negative, all if 0; how
/// many there were.
@inlinable
public func LREM(_ key: some RESPArgument, _ count: Int, _ element: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(writing: "LREM", Int.self).key(key).word(count).word(element)
}

/// `LTRIM key start stop`: keeps the elements from `start` to `stop`, both included, and no others; always `OK`.
@inlinable
public func LTRIM(_ key: some RESPArgument, _ start: Int, _ stop: Int) -> some RedisCommand<String> {
    TypedCommand(writing: "LTRIM", String.self).key(key).word(start).word(stop)
}

/// `LINSERT key BEFORE pivot element`: the new length, -1 if there is no such pivot, 0 if there is no such key.
@inlinable
public func LINSERT(
    _ key: some RESPArgument,
    before pivot: some RESPArgument,
    _ element: some RESPArgument
) -> some RedisCommand<Int> {
    TypedCommand(writing: "LINSERT", Int.self).key(key).flag("BEFORE").word(pivot).word(element)
}

/// `LINSERT key AFTER pivot element`: the new length, -1 if there is no such pivot, 0 if there is no such key.
@inlinable
public func LINSERT(
    _ key: some RESPArgument,
    after pivot: some RESPArgument,
    _ element: some RESPArgument
) -> some RedisCommand<Int> {
    TypedCommand(writing: "LINSERT", Int.self).key(key).flag("AFTER").word(pivot).word(element)
}

/// `LPOS key element [RANK rank] [MAXLEN length]`: the index of an equal element, or `nil`.
///
/// - Parameters:
///   - key: the list.
///   - element: what to look for.
///   - rank: which of the equal ones, from 1; from the end if negative; the first by default.
///   - maximumLength: how many elements are looked at; all by default.
/// - Returns: the command.
@inlinable
public func LPOS(
    _ key: some RESPArgument,
    _ element: some RESPArgument,
    rank: Int? = nil,
    maximumLength: Int? = nil
) -> some RedisCommand<Int?> {
    TypedCommand(reading: "LPOS", Int?.self).key(key).word(element).option("RANK", rank)
        .option("MAXLEN", maximumLength)
}

/// `LPOS key element [RANK rank] COUNT count [MAXLEN length]`: the indices of equal elements; empty if there are none.
///
/// - Parameters:
///   - key: the list.
///   - element: what to look for.
///   - rank: with which of the equal ones to begin, from 1; from the end if negative; the first by default.
///   - count: how many indices at most; 0 for all.
///   - maximumLength: how many elements are looked at; all by default.
/// - Returns: the command.
@inlinable
public func LPOS(
    _ key: some RESPArgument,
    _ element: some RESPArgument,
    rank: Int? = nil,
    count: Int,
    maximumLength: Int? = nil
) -> some RedisCommand<[Int]> {
    TypedCommand(reading: "LPOS", [Int].self).key(key).word(element).option("RANK", rank)
        .option("COUNT", Int?.some(count)).option("MAXLEN", maximumLength)
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`: moves an element from one end to another; it, or `nil` if there
/// was none.
@inlinable
public func LMOVE<Element: RESPDecodable>(
    _ source: some RESPArgument,
    _ destination: some RESPArgument,
    from: ListEnd,
    to: ListEnd,
    as: Element.Type = String.self
) -> some RedisCommand<Element?> {
    TypedCommand(writing: "LMOVE", Element?.self).key(source).key(destination).flag(from.word).flag(to.word)
}

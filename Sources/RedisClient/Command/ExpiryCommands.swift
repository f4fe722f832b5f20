public import RESP

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// `EXPIRE key seconds [NX|XX|GT|LT]`: ends a key after a time in whole seconds, rounded up; whether it was changed.
///
/// Zero and less deletes it at once.
@inlinable
public func EXPIRE(
    _ key: some RESPArgument,
    _ duration: Duration,
    condition: ExpiryCondition? = nil
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "EXPIRE", Bool.self).key(key).word(duration.wholeSeconds).flag(condition?.word)
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]`: ends a key after a time in whole milliseconds, rounded up; whether it was
/// changed.
///
/// Zero and less deletes it at once.
@inlinable
public func PEXPIRE(
    _ key: some RESPArgument,
    _ duration: Duration,
    condition: ExpiryCondition? = nil
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "PEXPIRE", Bool.self).key(key).word(duration.wholeMilliseconds).flag(condition?.word)
}

/// `EXPIREAT key seconds [NX|XX|GT|LT]`: ends a key at a moment, in whole seconds rounded up; whether it was changed.
///
/// A moment in the past deletes it at once.
@inlinable
public func EXPIREAT(
    _ key: some RESPArgument,
    _ date: Date,
    condition: ExpiryCondition? = nil
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "EXPIREAT", Bool.self).key(key).word(date.wholeSeconds).flag(condition?.word)
}

/// `PEXPIREAT key milliseconds [NX|XX|GT|LT]`: ends a key at a moment, to the millisecond; whether it was changed.
///
/// A moment in the past deletes it at once.
@inlinable
public func PEXPIREAT(
    _ key: some RESPArgument,
    _ date: Date,
    condition: ExpiryCondition? = nil
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "PEXPIREAT", Bool.self).key(key).word(date.wholeMilliseconds).flag(condition?.word)
}

/// `TTL key`: what is left of a key's life, in seconds rounded to the nearest.
@inlinable
public func TTL(_ key: some RESPArgument) -> some RedisCommand<TimeToLive<Seconds>> {
    TypedCommand(reading: "TTL", TimeToLive<Seconds>.self).key(key)
}

/// `PTTL key`: what is left of a key's life, in milliseconds.
@inlinable
public func PTTL(_ key: some RESPArgument) -> some RedisCommand<TimeToLive<Milliseconds>> {
    TypedCommand(reading: "PTTL", TimeToLive<Milliseconds>.self).key(key)
}

/// `PERSIST key`: takes a key's end away; whether it had one.
@inlinable
public func PERSIST(_ key: some RESPArgument) -> some RedisCommand<Bool> {
    TypedCommand(writing: "PERSIST", Bool.self).key(key)
}

public import RESP

/// `SADD key member …`: adds members; how many were new.
@inlinable
public func SADD(_ key: some RESPArgument, _ members: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "SADD", Int.self).key(key).list(members)
}

/// `SREM key member …`: removes members; how many there were.
@inlinable
public func SREM(_ key: some RESPArgument, _ members: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "SREM", Int.self).key(key).list(members)
}

/// `SMEMBERS key`: all members, in no order; empty if there is no such key.
@inlinable
public func SMEMBERS<Member: RESPDecodable>(
    _ key: some RESPArgument,
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "SMEMBERS", [Member].self).key(key)
}

/// `SISMEMBER key member`: whether it is a member.
@inlinable
public func SISMEMBER(_ key: some RESPArgument, _ member: some RESPArgument) -> some RedisCommand<Bool> {
    TypedCommand(reading: "SISMEMBER", Bool.self).key(key).word(member)
}

/// `SMISMEMBER key member …`: whether each is a member.
@inlinable
public func SMISMEMBER(_ key: some RESPArgument, _ members: [some RESPArgument]) -> some RedisCommand<[Bool]> {
    TypedCommand(reading: "SMISMEMBER", [Bool].self).key(key).list(members)
}

/// `SCARD key`: the number of members, 0 if there is no such key.
@inlinable
public func SCARD(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "SCARD", Int.self).key(key)
}

/// `SPOP key`: takes out any one member, or `nil` if there is none.
@inlinable
public func SPOP<Member: RESPDecodable>(
    _ key: some RESPArgument,
    as: Member.Type = String.self
) -> some RedisCommand<Member?> {
    TypedCommand(writing: "SPOP", Member?.self).key(key)
}

/// `SPOP key count`: takes out any members, `count` at most; empty if there is none.
@inlinable
public func SPOP<Member: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int,
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(writing: "SPOP", [Member].self).key(key).word(count)
}

/// `SRANDMEMBER key`: any one member, or `nil` if there is none.
@inlinable
public func SRANDMEMBER<Member: RESPDecodable>(
    _ key: some RESPArgument,
    as: Member.Type = String.self
) -> some RedisCommand<Member?> {
    TypedCommand(reading: "SRANDMEMBER", Member?.self).key(key)
}

/// `SRANDMEMBER key count`: any members, `count` at most; a negative count gives that many, with repetitions.
@inlinable
public func SRANDMEMBER<Member: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int,
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "SRANDMEMBER", [Member].self).key(key).word(count)
}

/// `SMOVE source destination member`: moves a member from one set to another; whether it was in the first.
@inlinable
public func SMOVE(
    _ source: some RESPArgument,
    _ destination: some RESPArgument,
    _ member: some RESPArgument
) -> some RedisCommand<Bool> {
    TypedCommand(writing: "SMOVE", Bool.self).key(source).key(destination).word(member)
}

/// `SINTER key …`: the members that all the sets have.
@inlinable
public func SINTER<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "SINTER", [Member].self, timeoutFactor: 8).keys(keys)
}

/// `SUNION key …`: the members that any of the sets has.
@inlinable
public func SUNION<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "SUNION", [Member].self, timeoutFactor: 8).keys(keys)
}

/// `SDIFF key …`: the members of the first set that no other has.
@inlinable
public func SDIFF<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "SDIFF", [Member].self, timeoutFactor: 8).keys(keys)
}

/// `SINTERSTORE destination key …`: stores what ``SINTER(_:as:)`` gives, over whatever was there; how many members.
@inlinable
public func SINTERSTORE(_ destination: some RESPArgument, _ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "SINTERSTORE", Int.self, timeoutFactor: 8).key(destination).keys(keys)
}

/// `SUNIONSTORE destination key …`: stores what ``SUNION(_:as:)`` gives, over whatever was there; how many members.
@inlinable
public func SUNIONSTORE(_ destination: some RESPArgument, _ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "SUNIONSTORE", Int.self, timeoutFactor: 8).key(destination).keys(keys)
}

/// `SDIFFSTORE destination key …`: stores what ``SDIFF(_:as:)`` gives, over whatever was there; how many members.
@inlinable
public func SDIFFSTORE(_ destination: some RESPArgument, _ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "SDIFFSTORE", Int.self, timeoutFactor: 8).key(destination).keys(keys)
}

/// `SINTERCARD count key … [LIMIT limit]`: how many members all the sets have; the server counts no further than
/// `limit`.
@inlinable
public func SINTERCARD(_ keys: [some RESPArgument], limit: Int? = nil) -> some RedisCommand<Int> {
    TypedCommand(reading: "SINTERCARD", Int.self, timeoutFactor: 8).countedKeys(keys).option("LIMIT", limit)
}

public import RESP

/// `PING`: `PONG`.
@inlinable
public func PING() -> some RedisCommand<String> { TypedCommand(reading: "PING", String.self) }

/// `ECHO message`: the message.
@inlinable
public func ECHO<Message: RESPDecodable>(
    _ message: some RESPArgument,
    as: Message.Type = String.self
) -> some RedisCommand<Message> {
    TypedCommand(reading: "ECHO", Message.self).word(message)
}

/// `TIME`: the server's clock.
@inlinable
public func TIME() -> some RedisCommand<ServerTime> { TypedCommand(reading: "TIME", ServerTime.self) }

/// `DBSIZE`: how many keys the database has, those included whose end has come and that are not removed yet.
@inlinable
public func DBSIZE() -> some RedisCommand<Int> { TypedCommand(reading: "DBSIZE", Int.self) }

/// `FLUSHDB ASYNC|SYNC`: removes all keys of the database; always `OK`.
///
/// - Parameter asynchronously: whether the memory is freed in the background; so by default.
/// - Returns: the command.
@inlinable
public func FLUSHDB(asynchronously: Bool = true) -> some RedisCommand<String> {
    TypedCommand(writing: "FLUSHDB", String.self, timeoutFactor: 8).flag(asynchronously ? "ASYNC" : "SYNC")
}

public import NIOCore
public import RESP

/// `PUBLISH channel message`: how many of this server's own connections got the message.
///
/// In a cluster the other nodes pass it on to theirs, which are not counted.
@inlinable
public func PUBLISH(_ channel: some RESPArgument, _ message: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(writing: "PUBLISH", Int.self).word(channel).word(message)
}

/// `SPUBLISH channel message`: how many connections got the message of a sharded channel.
///
/// In a cluster it goes to the node that serves the channel's slot, as a command with that key would.
@inlinable
public func SPUBLISH(_ channel: some RESPArgument, _ message: some RESPArgument) -> some RedisCommand<Int> {
    ShardedPublish(channel: channel, message: message)
}

@usableFromInline
struct ShardedPublish<Channel: RESPArgument, Message: RESPArgument>: RedisCommand {
    @usableFromInline typealias Response = Int
    @usableFromInline let channel: Channel
    @usableFromInline let message: Message

    @inlinable
    init(channel: Channel, message: Message) {
        self.channel = channel
        self.message = message
    }

    @inlinable
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: 3)
        buffer.writeWord("SPUBLISH")
        self.channel.writeBulkString(into: &buffer)
        self.message.writeBulkString(into: &buffer)
    }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { keys.add(self.channel) }

    /// The name only: words may be secret.
    @usableFromInline var description: String { "SPUBLISH" }
}

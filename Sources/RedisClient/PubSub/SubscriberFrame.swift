import NIOCore
import RESP

/// One element that a server sends over a connection with subscriptions: a push of RESP3, or the array that stands for
/// it in RESP2; and replies.
enum SubscriberFrame {
    case message(RedisMessage)
    case subscribed(SubscriptionName)
    case unsubscribed(SubscriptionName)
    /// An answer to PING, in either form.
    case pong
    case error(ErrorReply)
    /// A push of a kind that is not known here.
    case unknown

    /// Reads a whole frame.
    ///
    /// - Throws: ``RESPError`` for a frame of a known kind that lacks something, or no frame for such a connection.
    init(_ bytes: ByteBuffer) throws(RESPError) {
        var reader = RESPReader(bytes)
        switch try reader.nextType() {
        case .simpleError, .bulkError: self = .error(try reader.readError())
        case .simpleString, .bulkString: self = .pong
        case .push, .array: self = try Self.push(&reader)
        default: throw RESPError(.malformed, "a reply that nobody waits for")
        }
    }

    private static func push(_ reader: inout RESPReader) throws(RESPError) -> SubscriberFrame {
        var elements = try reader.readAggregate()
        guard try reader.hasNext(&elements) else { return .unknown }
        func bytes() throws(RESPError) -> ByteBuffer {
            guard try reader.hasNext(&elements) else { throw RESPError(.malformed, "a push that lacks something") }
            return try reader.readKeptSlice()
        }
        func name(_ kind: SubscriptionName.Kind) throws(RESPError) -> SubscriptionName {
            SubscriptionName(kind, try bytes())
        }
        // The pushes of client tracking ("invalidate") belong here once somebody listens to them.
        switch try reader.readString() {
        case "message":
            let name = try name(.channel)
            return .message(RedisMessage(name: name, channel: name.bytes, payload: try bytes()))
        case "smessage":
            let name = try name(.sharded)
            return .message(RedisMessage(name: name, channel: name.bytes, payload: try bytes()))
        case "pmessage":
            return .message(RedisMessage(name: try name(.pattern), channel: try bytes(), payload: try bytes()))
        case "subscribe": return .subscribed(try name(.channel))
        case "psubscribe": return .subscribed(try name(.pattern))
        case "ssubscribe": return .subscribed(try name(.sharded))
        case "unsubscribe": return .unsubscribed(try name(.channel))
        case "punsubscribe": return .unsubscribed(try name(.pattern))
        case "sunsubscribe": return .unsubscribed(try name(.sharded))
        case "pong": return .pong
        default: return .unknown
        }
    }
}

public import NIOCore

/// A message published to a channel.
public struct RedisMessage: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// What was subscribed to.
    let name: SubscriptionName
    /// The channel's name as bytes.
    public let channelBytes: ByteBuffer
    /// What was published.
    public let payload: ByteBuffer

    init(name: SubscriptionName, channel: ByteBuffer, payload: ByteBuffer) {
        self.name = name
        self.channelBytes = channel
        self.payload = payload
    }

    /// The channel's name; what is not UTF-8 is replaced.
    public var channel: String { String(buffer: self.channelBytes) }
    /// The pattern that the channel fits, where a pattern was subscribed to.
    public var pattern: String? { self.name.kind == .pattern ? String(buffer: self.name.bytes) : nil }
    /// Whether it came by a sharded channel (SPUBLISH).
    public var isSharded: Bool { self.name.kind == .sharded }
    /// The payload as text; what is not UTF-8 is replaced.
    public var text: String { String(buffer: self.payload) }

    /// That it is a message: channels and payloads may be secret.
    public var description: String { "RedisMessage" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// What it takes in a buffer, about.
    var size: Int { self.payload.readableBytes + self.channelBytes.readableBytes + 128 }
}

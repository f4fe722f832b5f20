import NIOCore
import RESP

/// What can be subscribed to: a channel, a pattern of channels, or a channel that lives in one slot of a cluster.
///
/// By bytes: texts that Swift takes for equal may be two channels to a server.
struct SubscriptionName: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case channel, pattern, sharded

        var subscribe: StaticString {
            switch self {
            case .channel: "SUBSCRIBE"
            case .pattern: "PSUBSCRIBE"
            case .sharded: "SSUBSCRIBE"
            }
        }

        var unsubscribe: StaticString {
            switch self {
            case .channel: "UNSUBSCRIBE"
            case .pattern: "PUNSUBSCRIBE"
            case .sharded: "SUNSUBSCRIBE"
            }
        }
    }

    let kind: Kind
    let bytes: ByteBuffer

    init(_ kind: Kind, _ bytes: ByteBuffer) {
        self.kind = kind
        self.bytes = bytes
    }

    init(_ kind: Kind, _ text: String) { self.init(kind, ByteBuffer(string: text)) }

    /// Where it goes in a cluster: messages of ordinary channels reach every node.
    var route: CommandRoute { self.kind == .sharded ? .slot(HashSlot(of: self.bytes)) : .anywhere }
}

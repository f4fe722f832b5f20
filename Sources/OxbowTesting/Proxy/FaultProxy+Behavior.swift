extension FaultProxy {
    /// Where the real server listens.
    public enum Upstream: Sendable, Hashable {
        /// A host name or address, and a port.
        case host(String, port: Int)
        /// The path of a unix domain socket.
        case unix(path: String)
    }

    /// Which connections a change is for.
    public enum Connections: Sendable, Hashable {
        /// Those that are open, and all that come.
        case all
        /// Those that are open.
        case existing
        /// Those that come.
        case new
    }

    /// What happens to the bytes of one direction of a connection.
    ///
    /// The settings may be combined, as in a delayed flow of small slices that is cut.
    public struct Flow: Sendable, Hashable {
        /// How long each byte is kept before it goes on; zero by default.
        ///
        /// At most 1 MiB is kept: with a delay of a second no more than 1 MiB goes through in a second.
        public var delay: Duration = .zero
        /// Forward in pieces of at most this many bytes, each a `write` of its own; as they come by default.
        public var sliceBytes: Int?
        /// The pause behind each slice; none by default.
        ///
        /// Without it the system may put slices together again before the other side reads them.
        public var slicePause: Duration = .zero
        /// Forward nothing, neither bytes nor the end of the connection; `false` by default.
        ///
        /// What has come stays where it is, as on a network that loses every packet, and goes on when the flow no
        /// longer holds it.
        public var holds = false
        /// Read and swallow all bytes; `false` by default.
        ///
        /// A connection that has lost a byte goes on losing all that follow, whatever is set later: a stream with a
        /// hole is nothing a network produces.
        public var discards = false
        /// End the connection behind its n-th byte of this direction, or in place of the first one if 0; never by
        /// default.
        ///
        /// Counted from when the behavior was set, or the connection accepted.
        public var cutAfterBytes: Int?
        /// How the connection is cut for the client; ``ConnectionEnd/close`` by default.
        public var cut = ConnectionEnd.close

        /// A flow that passes everything on.
        public init() {}
    }

    /// What the proxy does to a connection.
    public struct Behavior: Sendable, Hashable {
        /// From client to server.
        public var requests = Flow()
        /// From server to client.
        public var replies = Flow()
        /// End the connection at once, new ones as soon as they are accepted; not by default.
        public var end: ConnectionEnd?

        /// Both directions pass.
        public init() {}

        /// Everything goes through.
        public static var pass: Behavior { Behavior() }

        /// Both directions stand still, without any sign of it: a half-open connection.
        public static var blackhole: Behavior {
            var behavior = Behavior()
            behavior.requests.holds = true
            behavior.replies.holds = true
            return behavior
        }

        /// Commands go through and are carried out, their answers never come.
        ///
        /// See ``FaultProxy/Flow/discards``: the connection has to be ended afterwards.
        public static var dropReplies: Behavior {
            var behavior = Behavior()
            behavior.replies.discards = true
            return behavior
        }

        /// Ends connections by an orderly close, new ones as soon as they are accepted.
        public static var close: Behavior {
            var behavior = Behavior()
            behavior.end = .close
            return behavior
        }

        /// Ends connections by a reset, new ones as soon as they are accepted.
        public static var reset: Behavior {
            var behavior = Behavior()
            behavior.end = .reset
            return behavior
        }

        /// Each direction is late.
        ///
        /// - Parameters:
        ///   - requests: how long bytes to the server are kept.
        ///   - replies: how long bytes to the client are kept.
        /// - Returns: a behavior that delays.
        public static func delay(requests: Duration = .zero, replies: Duration = .zero) -> Behavior {
            var behavior = Behavior()
            behavior.requests.delay = requests
            behavior.replies.delay = replies
            return behavior
        }

        /// Both directions go in small pieces.
        ///
        /// - Parameters:
        ///   - bytes: the most bytes of a piece.
        ///   - pause: how long nothing follows a piece.
        /// - Returns: a behavior that slices.
        public static func slice(_ bytes: Int, pausing pause: Duration = .zero) -> Behavior {
            var behavior = Behavior()
            behavior.requests.sliceBytes = bytes
            behavior.requests.slicePause = pause
            behavior.replies.sliceBytes = bytes
            behavior.replies.slicePause = pause
            return behavior
        }

        /// The connection ends after a number of bytes of either direction.
        ///
        /// - Parameters:
        ///   - requests: bytes to the server; any number if `nil`.
        ///   - replies: bytes to the client; any number if `nil`.
        ///   - end: how the client sees it end.
        /// - Returns: a behavior that cuts.
        public static func cut(
            afterRequestBytes requests: Int? = nil,
            afterReplyBytes replies: Int? = nil,
            by end: ConnectionEnd = .close
        ) -> Behavior {
            var behavior = Behavior()
            behavior.requests.cutAfterBytes = requests
            behavior.requests.cut = end
            behavior.replies.cutAfterBytes = replies
            behavior.replies.cut = end
            return behavior
        }
    }

    /// What has gone through so far.
    public struct Statistics: Sendable, Hashable {
        /// Connections accepted, those ended at once included.
        public var accepted = 0
        /// Connections open now: those of which not both sides are closed.
        public var open = 0
        /// Bytes forwarded to the server.
        public var requestBytes = 0
        /// Bytes forwarded to clients.
        public var replyBytes = 0
        /// Bytes swallowed, of both directions.
        public var discardedBytes = 0
    }
}

public import NIOCore

/// What a command does to the connection it goes over, which other callers may share.
public enum ConnectionUse: Sendable, Hashable {
    /// Nothing: one command, one reply.
    case shared
    /// It begins a transaction (MULTI): within one pipeline that also ends it, or on an exclusive connection.
    case beginsTransaction
    /// It ends a transaction (EXEC, DISCARD).
    case endsTransaction
    /// It keeps the connection waiting (BLPOP …), for at most this long, or without end: goes over an exclusive
    /// connection by itself.
    ///
    /// The time is added to the command's time-out.
    case blocking(upTo: Duration?)
    /// It changes the connection for what follows (SELECT, WATCH, AUTH …): only on an exclusive connection, which is
    /// closed afterwards.
    case exclusive
    /// Its replies do not follow the order of commands, or never come (SUBSCRIBE, MONITOR, CLIENT REPLY …): refused.
    case unsupported

    /// The use that a command's words imply.
    @usableFromInline
    init(_ name: String, _ words: ByteBuffer) {
        switch name.uppercased() {
        case "MULTI": self = .beginsTransaction
        case "EXEC", "DISCARD": self = .endsTransaction
        case "BLPOP", "BRPOP", "BLMOVE", "BLMPOP", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "WAIT", "WAITAOF":
            self = .blocking(upTo: .zero)
        case "AUTH", "SELECT", "WATCH", "UNWATCH", "READONLY", "READWRITE", "ASKING": self = .exclusive
        case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR", "SYNC",
            "PSYNC", "REPLCONF", "HELLO", "RESET", "QUIT":
            self = .unsupported
        case "XREAD", "XREADGROUP":
            // Blocks only if told so.
            self = Self.holds("BLOCK", words) ? .blocking(upTo: .zero) : .shared
        case "SCRIPT": self = Self.holds("DEBUG", words) ? .unsupported : .shared
        case "CLIENT":
            self =
                Self.holds("REPLY", words)
                ? .unsupported : Self.holds("TRACKING", words) || Self.holds("CACHING", words) ? .exclusive : .shared
        default: self = .shared
        }
    }

    /// Whether one of the words is `word`, in any case.
    private static func holds(_ word: String, _ words: ByteBuffer) -> Bool {
        String(buffer: words).uppercased().contains("\r\n\(word)\r\n")
    }
}

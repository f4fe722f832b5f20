import RESP

/// The class of a command's name, by its use of the connection; found without an allocation.
enum CommandName: UInt8 {
    case plain, begins, ends, exclusive, unsupported
    /// The time for which the server blocks is the last word, in seconds; the first argument, in seconds; or the word after
    /// BLOCK, in ms.
    case blocksByLast, blocksByFirst, blocksIfTold, blocksGroupIfTold
    case client, script

    private static let names: [(String, CommandName)] =
        ["AUTH", "SELECT", "WATCH", "UNWATCH", "READONLY", "READWRITE", "ASKING", "WAIT", "WAITAOF"]
        .map { ($0, .exclusive) }
        + [
            "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
            "MONITOR", "SYNC", "PSYNC", "REPLCONF", "HELLO", "RESET", "QUIT",
        ]
        .map { ($0, .unsupported) }
        + ["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX"].map { ($0, .blocksByLast) }
        + ["BLMPOP", "BZMPOP"].map { ($0, .blocksByFirst) }
        + [
            ("MULTI", .begins), ("EXEC", .ends), ("DISCARD", .ends), ("XREAD", .blocksIfTold),
            ("XREADGROUP", .blocksGroupIfTold),
            ("CLIENT", .client), ("SCRIPT", .script),
        ]

    /// The first eight bytes of each name in one number, in order, and the length of the name.
    ///
    /// The servers know no two commands of one length that begin with the same eight letters, of which one is here.
    private static let table: [(head: UInt64, length: Int, name: CommandName)] = Self.names
        .map { text, name in
            let bytes = Array(text.utf8)
            return (Self.head(bytes.span, 0..<bytes.count), bytes.count, name)
        }
        .sorted { ($0.head, $0.length) < ($1.head, $1.length) }

    /// The first eight bytes in capitals.
    @inline(__always)
    private static func head(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var head: UInt64 = 0
        for place in range.prefix(8) { head = head << 8 | UInt64(Self.capital(bytes[place])) }
        return head
    }

    @inline(__always)
    private static func capital(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte & 0xDF : byte
    }

    /// By binary search among some forty names.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        self = .plain
        guard range.count <= 12 else { return }
        let wanted = (Self.head(bytes, range), range.count)
        var (low, high) = (0, Self.table.count)
        while low < high {
            let middle = (low + high) / 2
            let entry = Self.table[middle]
            if (entry.head, entry.length) == wanted {
                self = entry.name
                return
            }
            if (entry.head, entry.length) < wanted { low = middle + 1 } else { high = middle }
        }
    }

    /// As far as the name alone tells.
    var use: ConnectionUse {
        switch self {
        case .plain, .blocksIfTold, .blocksGroupIfTold, .client, .script: .shared
        case .begins: .beginsTransaction
        case .ends: .endsTransaction
        case .exclusive: .exclusive
        case .unsupported: .unsupported
        case .blocksByLast, .blocksByFirst: .blocking(upTo: nil)
        }
    }

    /// Whether later words matter.
    var needsWords: Bool { self.rawValue >= Self.blocksByLast.rawValue }

    /// Takes one of the later words into account.
    mutating func note(
        _ index: Int,
        of count: Int,
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        _ use: inout ConnectionUse
    ) {
        switch self {
        case .blocksByLast:
            if index == count - 1 { use = .blocking(upTo: Self.limit(Self.capitals(bytes, range), .seconds(1))) }
        case .blocksByFirst:
            if index == 1 { use = .blocking(upTo: Self.limit(Self.capitals(bytes, range), .seconds(1))) }
        case .blocksIfTold, .blocksGroupIfTold:
            // GROUP, its name and the consumer's come first.
            if self == .blocksGroupIfTold, index < 4 { return }
            if case .blocking(.some(.zero)) = use {
                use = .blocking(upTo: Self.limit(Self.capitals(bytes, range), .milliseconds(1)))
                self = .plain
                return
            }
            switch Self.capitals(bytes, range) {
            case "BLOCK": use = .blocking(upTo: .zero)
            case "STREAMS": self = .plain
            default: break
            }
        case .client:
            self = .plain
            switch Self.capitals(bytes, range) {
            case "REPLY": use = .unsupported
            case "TRACKING", "CACHING", "NO-TOUCH", "NO-EVICT", "SETNAME", "SETINFO", "CAPA", "IMPORT-SOURCE":
                use = .exclusive
            default: break
            }
        case .script:
            self = .plain
            if Self.capitals(bytes, range) == "DEBUG" { use = .unsupported }
        case .plain, .begins, .ends, .exclusive, .unsupported: break
        }
    }

    private static func capitals(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        var text: [UInt8] = []
        for place in range.prefix(32) { text.append(Self.capital(bytes[place])) }
        return String(decoding: text, as: UTF8.self)
    }

    /// A server's time-out; `nil` for 0, which is without end, and for what the server will refuse.
    private static func limit(_ text: String, _ unit: Duration) -> Duration? {
        guard let number = Double(text), number > 0, number < 1e9 else { return nil }
        return unit * number
    }
}

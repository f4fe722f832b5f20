public import NIOCore

/// The stored form of a value: a header of 24 bytes, then the payload as the codec wrote it, or deflated.
///
///     0  'O' 'X' '1'     mark and version
///     3  kind            'r' raw, 'z' deflated (zlib format, RFC 1950), 'a' known absent;
///                        'c' claim and 'x' closed have a form of their own (see ``CellContent``)
///     4  flags           1: a refresher stands between header and payload, its token (16 bytes) and its end in ms of
///                        server time (8 bytes); otherwise 0
///     5  load cost       what loading took, in units of 100 µs, 24 bits; 0 for unknown
///     8  logical expiry  server time in ms since 1970, 48 bits; 0 for none: the cell's own end
///     14 reserved        0
///     16 length          of the payload before compression, 32 bits
///     20 checksum        over the fields above but the flags, and over the payload as stored, 32 bits
///
/// Numbers are big-endian; the checksum is taken over words of the order of the machine, so that all processes must have the
/// same. JSON after the header stays readable with `redis-cli`.
@usableFromInline
package struct Envelope: Sendable, Hashable {
    /// What the payload is.
    @usableFromInline
    package enum Kind: UInt8, Sendable {
        case raw = 0x72
        case deflated = 0x7A
        case absent = 0x61
    }

    @usableFromInline package var kind: Kind
    /// The length of the payload before compression, in bytes.
    @usableFromInline package var length: Int
    /// As stored.
    ///
    /// Shares memory with the bytes it was parsed from.
    @usableFromInline package var payload: ByteBuffer

    /// What loading took, in units of 100 µs; 0 for unknown.
    @usableFromInline package var cost: UInt32 = 0
    /// When the value is due to be loaded anew, in ms of server time; 0: not before its cell's end.
    @usableFromInline package var expiry: UInt64 = 0

    /// The letters O and X and the version 1.
    static let mark: UInt32 = 0x4F5831
    static let headerBytes = 24
    static let refresherBytes = Token.byteCount + 8
    private static let flags: UInt64 = 0xFF << 24
    private static let refreshing: UInt64 = 1 << 24
    /// The largest cost and the latest expiry that there is room for.
    static let maximumCost: UInt32 = 0xFF_FFFF
    static let maximumExpiry: UInt64 = 0xFFFF_FFFF_FFFF

    /// A value that is known not to exist.
    package static var knownAbsent: Envelope { Envelope(kind: .absent, length: 0, payload: ByteBuffer()) }

    package init(kind: Kind, length: Int, payload: ByteBuffer) {
        self.kind = kind
        self.length = length
        self.payload = payload
    }

    /// The bytes of a cell.
    package var encoded: ByteBuffer {
        var bytes = self.header
        bytes.writeImmutableBuffer(self.payload)
        return bytes
    }

    /// What stands before the payload, with room for that behind it.
    var header: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(Self.headerBytes + self.payload.readableBytes)
        let cost = UInt64(min(self.cost, Self.maximumCost))
        let first = UInt64(Self.mark) << 40 | UInt64(self.kind.rawValue) << 32 | cost
        let second = min(self.expiry, Self.maximumExpiry) << 16
        let length = UInt32(clamping: self.length)
        bytes.writeMultipleIntegers(first, second, length, Checksum.of(first, second ^ UInt64(length), self.payload))
        return bytes
    }

    /// Parses the bytes of a cell; `nil` if they are no value, or damaged.
    package init?(_ bytes: ByteBuffer) {
        var rest = bytes
        guard
            let (first, second, length, checksum) = rest.readMultipleIntegers(
                as: (UInt64, UInt64, UInt32, UInt32).self
            ),
            first >> 40 == UInt64(Self.mark), let kind = Kind(rawValue: UInt8(truncatingIfNeeded: first >> 32)),
            first & Self.flags == 0 || first & Self.flags == Self.refreshing && Self.dropRefresher(from: &rest),
            checksum == Checksum.of(first & ~Self.flags, second ^ UInt64(length), rest),
            kind == .deflated || rest.readableBytes == Int(length)
        else { return nil }
        self.kind = kind
        self.length = Int(length)
        self.payload = rest
        self.cost = UInt32(truncatingIfNeeded: first) & Self.maximumCost
        self.expiry = second >> 16
    }

    private static func dropRefresher(from bytes: inout ByteBuffer) -> Bool {
        guard bytes.readableBytes >= Self.refresherBytes else { return false }
        bytes.moveReaderIndex(forwardBy: Self.refresherBytes)
        return true
    }

    /// The end of whoever refreshes the value in these bytes of a cell, in ms of server time; 0 if nobody does.
    static func refresherEnd(in stored: ByteBuffer) -> UInt64 {
        let start = stored.readerIndex
        guard stored.getInteger(at: start + 4, as: UInt8.self) == 1 else { return 0 }
        return stored.getInteger(at: start + Self.headerBytes + Token.byteCount, as: UInt64.self) ?? 0
    }

    /// The bytes of a cell with a refresher put in.
    static func adding(_ token: Token, until end: UInt64, to stored: ByteBuffer) -> ByteBuffer? {
        var rest = stored
        guard var bytes = rest.readSlice(length: Self.headerBytes) else { return nil }
        if bytes.getInteger(at: bytes.readerIndex + 4, as: UInt8.self) == 1 {
            guard Self.dropRefresher(from: &rest) else { return nil }
        }
        bytes.setInteger(UInt8(1), at: bytes.readerIndex + 4)
        bytes.writeToken(token)
        bytes.writeInteger(end)
        bytes.writeImmutableBuffer(rest)
        return bytes
    }

    /// Whether the value in these bytes of a cell is being refreshed under this token.
    static func isRefreshed(_ stored: ByteBuffer, by token: Token) -> Bool {
        Self.refresherEnd(in: stored) > 0 && stored.token(at: stored.readerIndex + Self.headerBytes) == token
            && Envelope(stored) != nil
    }
}

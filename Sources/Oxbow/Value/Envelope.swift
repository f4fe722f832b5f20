public import NIOCore

/// The stored form of a value: a header of 24 bytes, then the payload as the codec wrote it, or deflated.
///
///     0  'O' 'X' '1'     mark and version
///     3  kind            'r' raw, 'z' deflated (zlib format, RFC 1950), 'a' known absent;
///                        'c' claim and 'x' closed have a form of their own (see ``CellContent``)
///     4  flags           0; reserved for a refresher's token
///     5  load cost       what loading took, in units of 100 µs, 24 bits; 0 for unknown
///     8  logical expiry  server time in ms since 1970, 48 bits; 0 for none
///     14 reserved        0
///     16 length          of the payload before compression, 32 bits
///     20 checksum        over the fields above but the flags, and over the payload as stored, 32 bits
///
/// Numbers are big-endian. JSON behind the header stays readable with `redis-cli`.
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

    /// The letters O and X and the version 1.
    static let mark: UInt32 = 0x4F5831
    static let headerBytes = 24
    private static let flags: UInt64 = 0xFF << 24

    /// A value that is known not to exist.
    package static var knownAbsent: Envelope { Envelope(kind: .absent, length: 0, payload: ByteBuffer()) }

    package init(kind: Kind, length: Int, payload: ByteBuffer) {
        self.kind = kind
        self.length = length
        self.payload = payload
    }

    /// The bytes of a cell.
    package var encoded: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(Self.headerBytes + self.payload.readableBytes)
        let first = UInt64(Self.mark) << 40 | UInt64(self.kind.rawValue) << 32
        let length = UInt32(clamping: self.length)
        bytes.writeMultipleIntegers(first, UInt64(0), length, Checksum.of(first, UInt64(length), self.payload))
        bytes.writeImmutableBuffer(self.payload)
        return bytes
    }

    /// Parses the bytes of a cell; `nil` if they are no value, or damaged.
    package init?(_ bytes: ByteBuffer) {
        var rest = bytes
        guard
            let (first, second, length, checksum) = rest.readMultipleIntegers(
                as: (UInt64, UInt64, UInt32, UInt32).self
            ),
            first >> 40 == UInt64(Self.mark), first & Self.flags == 0,
            let kind = Kind(rawValue: UInt8(truncatingIfNeeded: first >> 32)),
            checksum == Checksum.of(first, second ^ UInt64(length), rest),
            kind == .deflated || rest.readableBytes == Int(length)
        else { return nil }
        self.kind = kind
        self.length = Int(length)
        self.payload = rest
    }
}

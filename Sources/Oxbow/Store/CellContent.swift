public import NIOCore

/// What a cell holds (rule 1 of the cell protocol).
///
/// A claim is `OX1c` and the token. A pass mark is `OX1p`. A closed cell is `OX1x`, one byte `0` or `1` (dirty), and for each writer its token
/// and the end of its closing in ms of server time, 64 bits. Everything else with the mark is an ``Envelope``.
@usableFromInline
package enum CellContent: Sendable, Hashable {
    case absent
    /// A loader of this token holds the cell.
    case claim(Token)
    /// An update, or a hold-off, has closed the cell: nothing may be filled.
    case closed
    /// A load has just failed, or its value cannot be stored: readers load, and do not wait for each other.
    case pass
    /// A value, and the bytes it stands in.
    case value(Envelope, stored: ByteBuffer)
    /// Bytes that are none of these; `nil` when the key is of another type. A loader may replace exactly this.
    case unusable(ByteBuffer?)

    static let claimKind = UInt8(ascii: "c")
    static let closedKind = UInt8(ascii: "x")
    static let passKind = UInt8(ascii: "p")

    package init(_ bytes: ByteBuffer?) {
        guard let bytes else {
            self = .absent
            return
        }
        if let envelope = Envelope(bytes) {
            self = .value(envelope, stored: bytes)
            return
        }
        let start = bytes.readerIndex
        switch bytes.getInteger(at: start, as: UInt32.self) {
        case Envelope.mark << 8 | UInt32(Self.claimKind) where bytes.readableBytes == Self.claimBytes:
            self = bytes.token(at: start + 4).map { .claim($0) } ?? .unusable(bytes)
        case Envelope.mark << 8 | UInt32(Self.closedKind) where Self.isClosing(bytes):
            self = .closed
        case Envelope.mark << 8 | UInt32(Self.passKind) where bytes.readableBytes == 4:
            self = .pass
        default:
            self = .unusable(bytes)
        }
    }

    /// The size of the value, not compressed; 0 if there is none.
    @usableFromInline var valueBytes: Int {
        if case .value(let envelope, _) = self { envelope.length } else { 0 }
    }

    /// Why nothing can be done with it; `nil` otherwise.
    @usableFromInline
    var unusableCause: UnusableCause? {
        guard case .unusable(let bytes) = self else { return nil }
        guard let bytes else { return .wrongType }
        let first = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self)
        return first.map { $0 >> 8 } == Envelope.mark ? .damaged : .foreign
    }

    /// Whether a mark of dirtiness and at least one writer, each of 24 bytes, stand behind the kind.
    private static func isClosing(_ bytes: ByteBuffer) -> Bool {
        let writers = bytes.readableBytes - 5
        guard writers > 0, writers.isMultiple(of: Token.byteCount + 8) else { return false }
        let dirty = bytes.getInteger(at: bytes.readerIndex + 4, as: UInt8.self)
        return dirty == UInt8(ascii: "0") || dirty == UInt8(ascii: "1")
    }

    static let claimBytes = 4 + Token.byteCount

    /// The bytes of a pass mark.
    package static var encodedPass: ByteBuffer { ByteBuffer(integer: Envelope.mark << 8 | UInt32(Self.passKind)) }

    /// The bytes of a cell that `token` has claimed.
    static func encodedClaim(_ token: Token) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(Envelope.mark << 8 | UInt32(Self.claimKind))
        bytes.writeToken(token)
        return bytes
    }

    /// The bytes of a cell closed by `writers`, each with its end in ms of server time.
    package static func encodedClosed(_ writers: [(token: Token, end: UInt64)], isDirty: Bool) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(Envelope.mark << 8 | UInt32(Self.closedKind))
        bytes.writeInteger(isDirty ? UInt8(ascii: "1") : UInt8(ascii: "0"))
        for writer in writers {
            bytes.writeToken(writer.token)
            bytes.writeInteger(writer.end)
        }
        return bytes
    }
}

import NIOCore
import Oxbow

/// What must hold for any bytes that a cell of the cache may hold.
///
/// The bytes are taken as a cell; as the parts of an envelope with a good checksum, which no random change would hit;
/// and as a value to be stored.
package enum EnvelopeFuzz {
    /// The largest value, small enough that short inputs pass it.
    private static let maximumBytes = 600
    private static let deflate = Deflate()

    /// Reads the bytes in every way.
    ///
    /// - Returns: what does not hold; empty when all is well. Nothing may trap.
    package static func violations(_ bytes: [UInt8]) -> [String] {
        Self.asCell(bytes) + Self.asParts(bytes) + Self.asValue(bytes)
    }

    /// What a cell of these bytes is taken for, beside what its few rules say.
    private static func asCell(_ bytes: [UInt8]) -> [String] {
        let content = CellContent(ByteBuffer(bytes: bytes))
        var found: [String] = []
        if CellContent(Self.inside(bytes)) != content { found.append("a cell depends on where its bytes lie") }
        let isClaim = bytes.starts(with: "OX1c".utf8) && bytes.count == 20
        let isClosed =
            bytes.starts(with: "OX1x0".utf8) || bytes.starts(with: "OX1x1".utf8)
            ? bytes.count > 5 && (bytes.count - 5).isMultiple(of: 24) : false
        switch content {
        case .claim: if !isClaim { found.append("taken for a claim") }
        case .closed: if !isClosed { found.append("taken for closed") }
        case .pass: if bytes != Array("OX1p".utf8) { found.append("taken for a pass mark") }
        case .value(let envelope, let stored):
            if isClaim || isClosed { found.append("a claim or closed cell taken for a value") }
            if Array(stored.readableBytesView) != bytes { found.append("other bytes kept than those of the cell") }
            if Envelope(envelope.encoded) != envelope { found.append("an envelope that does not survive its encoding") }
            found += Self.decoding(envelope)
        case .unusable(let kept):
            if isClaim || isClosed { found.append("a claim or closed cell taken for unusable") }
            if kept.map({ Array($0.readableBytesView) }) != bytes { found.append("other unusable bytes kept") }
        case .absent: found.append("bytes taken for absent")
        }
        return found
    }

    /// An envelope of a kind, a length and a payload that the bytes choose.
    private static func asParts(_ bytes: [UInt8]) -> [String] {
        guard bytes.count >= 5 else { return [] }
        let kind = [Envelope.Kind.raw, .deflated, .absent][Int(bytes[0]) % 3]
        let payload = Self.inside(Array(bytes[5...]))
        // Lengths of 32 bits, mostly near the limit.
        let announced = Int(bytes[1]) << 24 | Int(bytes[2]) << 16 | Int(bytes[3]) << 8 | Int(bytes[4])
        let length = bytes[0] & 0x80 == 0 ? announced & 0xFFF : announced
        let envelope = Envelope(kind: kind, length: length, payload: payload)
        let parsed = Envelope(envelope.encoded)
        // The length of what is not deflated is known without the header.
        let isSound = kind == .deflated || length == payload.readableBytes
        guard parsed == (isSound ? envelope : nil) else {
            return ["an envelope is not parsed as what it was: \(envelope)"]
        }
        return parsed.map { Self.decoding($0) } ?? []
    }

    /// Whether an envelope, as parsed from a cell, is decoded within the limit.
    private static func decoding(_ envelope: Envelope) -> [String] {
        var found: [String] = []
        let bytes = Self.coder(OwnCodec(ByteBuffer.self), .none).value(envelope)
        if let bytes {
            if bytes.readableBytes > Self.maximumBytes { found.append("a value of \(bytes.readableBytes) bytes") }
            switch envelope.kind {
            case .raw: if bytes != envelope.payload { found.append("a raw payload was changed") }
            case .deflated: if bytes.readableBytes != envelope.length { found.append("inflated to another length") }
            case .absent: found.append("a value of what is known to be absent")
            }
        }
        if envelope.length > Self.maximumBytes, bytes != nil { found.append("a value beyond the limit") }
        let text = Self.coder(OwnCodec(String.self), .none).value(envelope)
        if let text, ByteBuffer(string: text) != bytes { found.append("text of other bytes") }
        if Self.coder(OwnCodec(Int.self), .none).value(envelope) != nil, text == nil {
            found.append("a number, no text")
        }
        _ = Self.coder(JSONCodec([String: [Int?]].self), .none).value(envelope)
        return found
    }

    /// Stores the bytes as a value, deflated where that is smaller, and reads the cell.
    private static func asValue(_ bytes: [UInt8]) -> [String] {
        let value = Self.inside(bytes)
        var found: [String] = []
        for compression in [CompressionConfiguration.Compression.none, .deflate] {
            let coder = Self.coder(OwnCodec(ByteBuffer.self), compression)
            guard let envelope = try? coder.envelope(value) else {
                if bytes.count <= Self.maximumBytes { found.append("a value within the limit is refused") }
                continue
            }
            if bytes.count > Self.maximumBytes { found.append("a value beyond the limit is stored") }
            if envelope.kind == .deflated, envelope.payload.readableBytes >= bytes.count {
                found.append("deflated although that is not smaller")
            }
            guard case .value(let read, _) = CellContent(envelope.encoded), read == envelope else {
                found.append("stored as \(compression), not read as a value")
                continue
            }
            if coder.value(read) != value { found.append("stored as \(compression), another value comes back") }
            if !bytes.isEmpty, Self.coder(OwnCodec(ByteBuffer.self), compression, bytes.count - 1).value(read) != nil {
                found.append("stored as \(compression), a value of \(bytes.count) bytes is read beyond the limit")
            }
            found += Self.decoding(Self.damaged(read, by: bytes))
            // One that announces a byte more or less is not believed.
            for length in [envelope.length - 1, envelope.length + 1] where read.kind == .deflated {
                let lie = Envelope(kind: .deflated, length: length, payload: read.payload)
                if coder.value(lie) != nil { found.append("a length of \(length) is believed") }
            }
        }
        return found
    }

    /// The envelope with one byte of its payload changed, as the input has it.
    private static func damaged(_ envelope: Envelope, by bytes: [UInt8]) -> Envelope {
        var payload = Array(envelope.payload.readableBytesView)
        if let first = bytes.first, let last = bytes.last, !payload.isEmpty {
            payload[(Int(first) << 8 | bytes.count) % payload.count] ^= last | 1
        }
        return Envelope(kind: envelope.kind, length: envelope.length, payload: ByteBuffer(bytes: payload))
    }

    private static func coder<Codec: CacheCodec>(
        _ codec: Codec,
        _ type: CompressionConfiguration.Compression,
        _ maximumBytes: Int = EnvelopeFuzz.maximumBytes
    ) -> ValueCoder<Codec.Value> {
        var compression = CompressionConfiguration()
        compression.type = type
        compression.minimumBytes = 1
        return ValueCoder(
            codec: codec,
            compression: compression,
            deflate: Self.deflate,
            maximumBytes: maximumBytes
        )
    }

    /// The bytes as part of a larger buffer, between others.
    private static func inside(_ bytes: [UInt8]) -> ByteBuffer {
        let buffer = ByteBuffer(bytes: [0xFF, 0x4F, 0x58] + bytes + [0x31, 0xFF])
        return buffer.getSlice(at: 3, length: bytes.count) ?? ByteBuffer()
    }
}

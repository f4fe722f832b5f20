public import NIOCore

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension String: CacheValue {
    /// The UTF-8 bytes.
    public func encode(into buffer: inout ByteBuffer) { buffer.writeString(self) }
    /// Text of valid UTF-8; anything else is an error.
    public init(decoding bytes: ByteBuffer) throws {
        guard let text = try? bytes.getUTF8ValidatedString(at: bytes.readerIndex, length: bytes.readableBytes) else {
            throw UndecodableValue()
        }
        self = text
    }
}

extension ByteBuffer: CacheValue {
    /// The readable bytes.
    public func encode(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self) }
    /// A copy of the bytes.
    public init(decoding bytes: ByteBuffer) {
        self.init()
        self.writeImmutableBuffer(bytes)
    }
}

extension Data: CacheValue {
    /// The bytes.
    public func encode(into buffer: inout ByteBuffer) { buffer.writeBytes(self) }
    /// A copy of the bytes.
    public init(decoding bytes: ByteBuffer) { self.init(bytes.readableBytesView) }
}

extension Int: CacheValue {
    /// Decimal digits.
    public func encode(into buffer: inout ByteBuffer) { buffer.writeString(String(self)) }
    /// Decimal digits; anything else is an error.
    public init(decoding bytes: ByteBuffer) throws {
        guard let number = Int(String(buffer: bytes)) else { throw UndecodableValue() }
        self = number
    }
}

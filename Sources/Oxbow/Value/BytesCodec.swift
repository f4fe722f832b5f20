public import NIOCore

/// The codec of values that are arrays of bytes: `try oxbow.cache("icon", codec: BytesCodec())`.
///
/// `[UInt8]` has no conformance to ``CacheValue``, which would be the only one that `Array` can have: without this codec an
/// array of bytes is stored as a JSON array of numbers.
public struct BytesCodec: CacheCodec {
    /// The codec.
    public init() {}
    /// Appends the bytes.
    public func encode(_ value: [UInt8], into buffer: inout ByteBuffer) { buffer.writeBytes(value) }
    /// Copies the bytes.
    public func decode(_ bytes: ByteBuffer) -> [UInt8] { Array(bytes.readableBytesView) }
}

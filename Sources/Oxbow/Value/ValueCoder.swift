import NIOCore

/// From a value to an envelope and back: codec, compression, limits.
package struct ValueCoder<Value: Sendable>: Sendable {
    let codec: any CacheCodec<Value>
    let compression: CompressionConfiguration
    let deflate: Deflate
    /// The largest value, inflated, in bytes.
    let maximumBytes: Int

    package init(
        codec: any CacheCodec<Value>,
        compression: CompressionConfiguration,
        deflate: Deflate,
        maximumBytes: Int
    ) {
        self.codec = codec
        self.compression = compression
        self.deflate = deflate
        self.maximumBytes = maximumBytes
    }

    /// - Throws: the codec's error, or ``CacheError`` with `valueTooLarge`.
    package func envelope(_ value: Value) throws -> Envelope {
        var payload = ByteBuffer()
        try self.codec.encode(value, into: &payload)
        let length = payload.readableBytes
        guard length <= self.maximumBytes else {
            throw CacheError(.valueTooLarge, "a value of \(length) bytes; at most \(self.maximumBytes) are stored")
        }
        if case .deflate = self.compression.type, length >= self.compression.minimumBytes,
            let smaller = self.deflate.deflate(payload)
        {
            return Envelope(kind: .deflated, length: length, payload: smaller)
        }
        return Envelope(kind: .raw, length: length, payload: payload)
    }

    /// The value of an envelope; `nil` if it cannot be had: too large, not inflatable, not decodable.
    package func value(_ envelope: Envelope) -> Value? {
        guard envelope.length <= self.maximumBytes else { return nil }
        switch envelope.kind {
        case .absent: return nil
        case .raw: return try? self.codec.decode(envelope.payload)
        case .deflated:
            return self.deflate.inflate(envelope.payload, length: envelope.length)
                .flatMap { try? self.codec.decode($0) }
        }
    }
}

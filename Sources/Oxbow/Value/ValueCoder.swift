public import NIOCore

/// From a value to an envelope and back: codec, compression, limits.
@usableFromInline
package struct ValueCoder<Value: Sendable>: Sendable {
    @usableFromInline let codec: any CacheCodec<Value>
    let compression: CompressionConfiguration
    let deflate: Deflate
    /// The largest value, inflated, in bytes.
    @usableFromInline let maximumBytes: Int
    private let limits: CacheLimits?

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
        self.limits = nil
    }

    /// One that counts the values it refuses to store.
    init(_ coder: ValueCoder, limits: CacheLimits) {
        self.codec = coder.codec
        self.compression = coder.compression
        self.deflate = coder.deflate
        self.maximumBytes = coder.maximumBytes
        self.limits = limits
    }

    /// - Throws: the codec's error, or ``OxbowError`` with `valueTooLarge`.
    package func envelope(_ value: Value) throws -> Envelope {
        var payload = ByteBuffer()
        try self.codec.encode(value, into: &payload)
        let length = payload.readableBytes
        guard length <= self.maximumBytes else {
            self.limits?.note(.valueBytes)
            throw OxbowError(.valueTooLarge, "a value of \(length) bytes; at most \(self.maximumBytes) are stored")
        }
        if case .deflate = self.compression.type, length >= self.compression.minimumBytes,
            let smaller = self.deflate.deflate(payload)
        {
            return Envelope(kind: .deflated, length: length, payload: smaller)
        }
        return Envelope(kind: .raw, length: length, payload: payload)
    }

    /// The value of an envelope; `nil` if it cannot be had: too large, not inflatable, not decodable.
    @inlinable
    package func value(_ envelope: Envelope) -> Value? {
        guard let payload = self.payload(envelope) else { return nil }
        return try? self.codec.decode(payload)
    }

    /// Why there is no value in an envelope; `nil` if that is what it says.
    @usableFromInline
    func cause(ofRefusing envelope: Envelope) -> UnusableCause? {
        envelope.kind == .absent ? nil : envelope.length > self.maximumBytes ? .tooLarge : .undecodable
    }

    /// The bytes that the codec has written; `nil` if there are none, or they are too large or cannot be inflated.
    @usableFromInline
    func payload(_ envelope: Envelope) -> ByteBuffer? {
        guard envelope.length <= self.maximumBytes else { return nil }
        switch envelope.kind {
        case .absent: return nil
        case .raw: return envelope.payload
        case .deflated: return self.deflate.inflate(envelope.payload, length: envelope.length)
        }
    }
}

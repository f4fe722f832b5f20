public import NIOCore

/// How values of one type become bytes and come back.
public protocol CacheCodec<Value>: Sendable {
    /// The type that the cache hands out.
    associatedtype Value: Sendable

    /// Appends the value's bytes.
    ///
    /// - Throws: anything; nothing is stored then.
    func encode(_ value: Value, into buffer: inout ByteBuffer) throws

    /// Makes a value from all readable bytes. They share memory with a receive buffer: copy what is kept.
    ///
    /// - Throws: anything; the entry counts as a miss then and is replaced.
    func decode(_ bytes: ByteBuffer) throws -> Value
}

/// A type that is its own codec: many times faster than JSON.
public protocol CacheValue: Sendable {
    /// Appends the value's bytes.
    func encode(into buffer: inout ByteBuffer) throws
    /// Makes a value from all readable bytes; copy what is kept.
    init(decoding bytes: ByteBuffer) throws
}

/// The codec of a type that conforms to ``CacheValue``.
public struct OwnCodec<Value: CacheValue>: CacheCodec {
    /// A codec for `type`.
    public init(_ type: Value.Type = Value.self) {}
    /// Asks the value.
    public func encode(_ value: Value, into buffer: inout ByteBuffer) throws { try value.encode(into: &buffer) }
    /// Asks the type.
    public func decode(_ bytes: ByteBuffer) throws -> Value { try Value(decoding: bytes) }
}

/// Bytes that are not what a codec expects.
public struct UndecodableValue: Error, Sendable {
    /// An error to be thrown by a codec.
    public init() {}
}

public import NIOCore
public import Oxbow

/// An array of it has a form of its own.
public struct Point: Sendable, Equatable {
    var x: UInt8
}

extension [Point]: CacheValue {
    /// A byte for each point.
    public func encode(into buffer: inout ByteBuffer) { buffer.writeBytes(self.map(\.x)) }
    /// A point for each byte.
    public init(decoding bytes: ByteBuffer) { self = bytes.readableBytesView.map(Point.init(x:)) }
}

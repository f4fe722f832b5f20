public import NIOCore

/// A type that can be read straight from a reply.
///
/// Conform your own types to decode a reply without a tree in between; read exactly one element.
public protocol RESPDecodable: Sendable {
    /// Reads one element.
    ///
    /// - Throws: ``RESPError``: `unexpectedType` if the element is of another type, `errorReply` if it is an error.
    init(from reader: inout RESPReader) throws(RESPError)
}

extension String: RESPDecodable {
    /// A string of any kind, or a number as text.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) { self = try reader.readString() }
}

extension ByteBuffer: RESPDecodable {
    /// The bytes of a string.
    ///
    /// They share memory with the rest of the reply, but not with a receive buffer.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) { self = try reader.readKeptSlice() }
}

extension Int64: RESPDecodable {
    /// An integer, or a string that holds one.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) { self = try reader.readInteger() }
}

extension Int: RESPDecodable {
    /// An integer, or a string that holds one.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        guard let number = Int(exactly: try reader.readInteger()) else {
            throw RESPError(.unexpectedType, "an integer too large for Int")
        }
        self = number
    }
}

extension Double: RESPDecodable {
    /// A double, or a string or integer that holds one.
    public init(from reader: inout RESPReader) throws(RESPError) { self = try reader.readDouble() }
}

extension Bool: RESPDecodable {
    /// A boolean, or the integers 0 and 1.
    public init(from reader: inout RESPReader) throws(RESPError) { self = try reader.readBoolean() }
}

extension Optional: RESPDecodable where Wrapped: RESPDecodable {
    /// `nil` for a null of either protocol version.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        self = try reader.readNullIfPresent() ? nil : Wrapped(from: &reader)
    }
}

extension Array: RESPDecodable where Element: RESPDecodable {
    /// The elements of an array, set or push; the keys and values of a map in turn.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        var elements = try reader.readAggregate()
        self = []
        self.reserveCapacity(reader.reservation(for: elements))
        while try reader.hasNext(&elements) { self.append(try Element(from: &reader)) }
    }
}

extension Dictionary: RESPDecodable where Key: RESPDecodable, Value: RESPDecodable {
    /// The pairs of a map, or of an array of keys and values in turn (as RESP2 has it).
    ///
    /// Of equal keys the last counts.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        var elements = try reader.readAggregate()
        self = [:]
        self.reserveCapacity(reader.reservation(for: elements) / 2)
        while try reader.hasNext(&elements) {
            let key = try Key(from: &reader)
            guard try reader.hasNext(&elements) else { throw RESPError(.unexpectedType, "a key without a value") }
            self[key] = try Value(from: &reader)
        }
    }
}

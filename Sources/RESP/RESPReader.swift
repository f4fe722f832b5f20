public import NIOCore

/// A cursor over the complete frames in a buffer, as ``FrameScanner`` let them through.
///
/// Values are decoded straight from the received bytes, without a tree in between. The reader checks again what it
/// relies on, so that it cannot trap even on bytes that were never scanned.
public struct RESPReader: Sendable {
    /// The bytes: one or more whole frames.
    @usableFromInline var buffer: ByteBuffer
    /// The next element, counted from the buffer's reader index.
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    /// A copy of a piece of `buffer`, which values that are kept share, and where that piece begins.
    @usableFromInline var block: ByteBuffer?
    @usableFromInline var blockStart = 0

    /// A reader at the start of the buffer's readable bytes.
    @inlinable
    public init(_ buffer: ByteBuffer) { self.buffer = buffer }

    /// Where a reader stands, to come back to.
    public struct Place: Sendable {
        @usableFromInline let position: Int
        @usableFromInline let depth: Int

        @inlinable
        init(_ position: Int, _ depth: Int) {
            self.position = position
            self.depth = depth
        }
    }

    /// Where the reader stands.
    @inlinable
    public var place: Place {
        get { Place(self.position, self.depth) }
        set {
            self.position = newValue.position
            self.depth = newValue.depth
        }
    }

    /// Whether all bytes have been read.
    @inlinable
    public var isAtEnd: Bool { self.position >= self.buffer.readableBytes }

    /// Whether an error comes next.
    @inlinable
    public var isAtError: Bool {
        guard self.position < self.buffer.readableBytes else { return false }
        let byte = self.byte(at: self.position)
        return byte == RESPType.simpleError.byte || byte == RESPType.bulkError.byte
    }

    /// The type of the next element, attributes in front of it skipped.
    ///
    /// - Throws: ``RESPError`` with `malformed` at the end of the bytes.
    @inlinable
    public mutating func nextType() throws(RESPError) -> RESPType {
        while true {
            guard self.position < self.buffer.readableBytes else {
                throw RESPError(.malformed, "the reply is cut short")
            }
            let type = RESPType(byte: self.byte(at: self.position))
            guard type == .attribute else { return type }
            try self.skipAttribute()
        }
    }

    /// Reads over a null of either protocol version, if one is next.
    @inlinable
    public mutating func readNullIfPresent() throws(RESPError) -> Bool {
        if Self.isCountedBulk(self.buffer.readableBytesUInt8Span, at: self.position) { return false }
        let type = try self.nextType()
        if type == .null {
            _ = try self.line()
            return true
        }
        guard type == .bulkString || type == .array else { return false }
        guard self.position + 1 < self.buffer.readableBytes, self.byte(at: self.position + 1) == UInt8(ascii: "-")
        else {
            return false
        }
        // Nothing but `-1` begins like this.
        _ = try self.length()
        return true
    }

    /// The text line behind the type byte; moves behind its end.
    @inlinable
    mutating func line() throws(RESPError) -> Range<Int> {
        let start = self.position + 1
        guard let end = try Line.end(in: self.buffer.readableBytesUInt8Span, at: start, searched: 0, limit: .max) else {
            throw RESPError(.malformed, "the reply is cut short")
        }
        self.position = end + 2
        return start..<end
    }

    @inlinable
    mutating func length() throws(RESPError) -> Line.Length {
        guard let (length, next) = try Line.length(in: self.buffer.readableBytesUInt8Span, at: self.position + 1) else {
            throw RESPError(.malformed, "the reply is cut short")
        }
        self.position = next
        return length
    }

    /// The bytes of a string of any kind (bulk, simple, verbatim without its format), as a range of the readable bytes.
    ///
    /// - Returns: `nil` for a streamed string, whose pieces are not in one place; the position is unchanged then.
    @inlinable
    mutating func stringRange() throws(RESPError) -> Range<Int>? {
        if let range = try Self.bulkRange(self.buffer.readableBytesUInt8Span, at: self.position) {
            self.position = range.upperBound + 2
            return range
        }
        return try self.unusualStringRange()
    }

    /// Whether a bulk string that is no null begins at `position`.
    @inlinable
    static func isCountedBulk(_ bytes: Span<UInt8>, at position: Int) -> Bool {
        position + 1 < bytes.count && bytes[position] == RESPType.bulkString.byte && bytes[position + 1] &- 0x30 < 10
    }

    /// The bytes of the bulk string at `position`: nearly every string, so that the bytes are asked for only once.
    ///
    /// - Returns: `nil` for anything else.
    @inlinable
    static func bulkRange(_ bytes: Span<UInt8>, at position: Int) throws(RESPError) -> Range<Int>? {
        guard Self.isCountedBulk(bytes, at: position),
            case (.count(let count), let start)? = try Line.length(in: bytes, at: position + 1),
            bytes.count - start - 2 >= count
        else { return nil }
        return start..<start + count
    }

    /// The text of the bulk string at `position`, and the index behind it; `nil` for anything else.
    @inlinable
    static func bulkText(_ bytes: Span<UInt8>, at position: Int) throws(RESPError) -> (String, next: Int)? {
        guard let range = try Self.bulkRange(bytes, at: position) else { return nil }
        let text = unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        return (text, range.upperBound + 2)
    }

    @usableFromInline
    mutating func unusualStringRange() throws(RESPError) -> Range<Int>? {
        let type = try self.nextType()
        switch type {
        case .bulkString, .verbatimString:
            let start = self.position
            switch try self.length() {
            case .count(let count):
                guard self.buffer.readableBytes - self.position - 2 >= count else {
                    throw RESPError(.malformed, "the reply is cut short")
                }
                let range = self.position..<self.position + count
                self.position += count + 2
                return type == .verbatimString ? min(range.lowerBound + 4, range.upperBound)..<range.upperBound : range
            case .null:
                throw RESPError(.unexpectedType, "null where a string was expected")
            case .streamed:
                self.position = start
                return nil
            }
        case .simpleString, .bigNumber, .double, .integer:
            return try self.line()
        default:
            throw try self.mismatch("a string")
        }
    }

    /// The error for an element of another type than the one asked for; if it is an error reply, that one.
    @usableFromInline
    mutating func mismatch(_ expected: StaticString) throws(RESPError) -> RESPError {
        let type = try self.nextType()
        if type == .simpleError || type == .bulkError {
            return RESPError(reply: try self.readError())
        }
        let found = String(Unicode.Scalar(type.byte))
        return RESPError(.unexpectedType, "a reply of type '\(found)' where \(expected) was expected")
    }

    /// Reads an error reply.
    public mutating func readError() throws(RESPError) -> ErrorReply {
        let type = try self.nextType()
        if type == .bulkError {
            guard case .count(let count) = try self.length(), self.buffer.readableBytes - self.position - 2 >= count
            else {
                throw RESPError(.malformed, "the reply is cut short")
            }
            let start = self.position
            self.position += count + 2
            return ErrorReply(self.text(start..<start + count))
        }
        guard type == .simpleError else { throw RESPError(.unexpectedType, "not an error") }
        return ErrorReply(self.text(try self.line()))
    }

    /// UTF-8 text of a range of the readable bytes; invalid sequences are replaced.
    @inlinable
    func text(_ range: Range<Int>) -> String {
        self.buffer.getString(at: self.buffer.readerIndex + range.lowerBound, length: range.count) ?? ""
    }

    /// Reads over the next element, whatever it is, and the attributes in front of it.
    public mutating func skip() throws(RESPError) {
        guard let length = try self.frameLength() else { throw RESPError(.malformed, "the reply is cut short") }
        self.position += length
    }

    /// Reads over an attribute's own pairs; the element they describe stays.
    @usableFromInline
    mutating func skipAttribute() throws(RESPError) {
        guard case .count(let pairs) = try self.length() else { throw RESPError(.malformed, "a negative count") }
        for _ in 0..<pairs {
            try self.skip()
            try self.skip()
        }
    }

    /// No limit but the bytes that are here: those of the connection may be larger than the defaults and were checked.
    private static let unlimited: RESPLimits = {
        var limits = RESPLimits()
        limits.maximumBulkBytes = .max
        limits.maximumElements = .max
        limits.maximumDepth = .max
        limits.maximumLineBytes = .max
        return limits
    }()

    private func frameLength() throws(RESPError) -> Int? {
        guard self.position < self.buffer.readableBytes else { return nil }
        var scanner = FrameScanner(limits: Self.unlimited)
        return try scanner.scan(self.buffer.readableBytesUInt8Span.extracting(self.position...))
    }

    /// The byte at an index below the count of readable bytes.
    @inlinable
    func byte(at index: Int) -> UInt8 { self.buffer.readableBytesUInt8Span[index] }
}

public import NIOCore

extension RESPReader {
    /// The elements of an aggregate still to be read: a count, or "until the end" for a streamed one.
    public struct Elements: Sendable {
        /// The number of elements (a map counts keys and values); `nil` for a streamed aggregate.
        public let count: Int?
        @usableFromInline var remaining: Int

        @inlinable
        init(count: Int?) {
            self.count = count
            self.remaining = count ?? .max
        }
    }

    /// Reads the header of an array, set, push or map.
    ///
    /// - Throws: ``RESPError`` with `unexpectedType`, or `errorReply` if the element is an error.
    @inlinable
    public mutating func readAggregate() throws(RESPError) -> Elements {
        let type = try self.nextType()
        guard type == .array || type == .map || type == .set || type == .push else {
            throw try self.mismatch("an aggregate")
        }
        switch try self.length() {
        case .null: throw RESPError(.unexpectedType, "null where an aggregate was expected")
        case .streamed: return Elements(count: nil)
        case .count(let count):
            guard type == .map else { return Elements(count: count) }
            let (elements, overflow) = count.multipliedReportingOverflow(by: 2)
            if overflow { throw RESPError(.limitExceeded, "a map of more than 2^62 pairs") }
            return Elements(count: elements)
        }
    }

    /// Whether another element of the aggregate follows; reads over the end of a streamed one.
    @inlinable
    public mutating func hasNext(_ elements: inout Elements) throws(RESPError) -> Bool {
        if elements.count != nil {
            guard elements.remaining > 0 else { return false }
            elements.remaining -= 1
            return true
        }
        guard try self.nextType() == .end else { return true }
        _ = try self.line()
        return false
    }

    /// How much room to reserve for the elements: never more than the bytes that are really there can hold.
    @inlinable
    public func reservation(for elements: Elements) -> Int {
        min(elements.count ?? 0, (self.buffer.readableBytes - self.position) / 3 + 1)
    }

    /// Reads a string of any kind as bytes.
    ///
    /// The result shares memory with the reply: copy it before keeping it.
    @inlinable
    public mutating func readSlice() throws(RESPError) -> ByteBuffer {
        guard let range = try self.stringRange() else { return try self.readStreamedString() }
        let start = self.buffer.readerIndex + range.lowerBound
        return self.buffer.getSlice(at: start, length: range.count) ?? ByteBuffer()
    }

    /// Reads a string of any kind as bytes that may be kept.
    ///
    /// Values are copied out of the receive buffer in blocks of 64 KiB, or as large as a larger value: one block serves
    /// all values in it, and a value that is kept keeps no more than its block.
    @inlinable
    public mutating func readKeptSlice() throws(RESPError) -> ByteBuffer {
        guard let range = try self.stringRange() else { return try self.readStreamedString() }
        if let block, range.lowerBound >= self.blockStart,
            let slice = block.getSlice(at: range.lowerBound - self.blockStart, length: range.count)
        {
            return slice
        }
        return self.copyBlock(range)
    }

    /// Begins a new block at a value.
    @usableFromInline
    mutating func copyBlock(_ range: Range<Int>) -> ByteBuffer {
        let end = max(range.upperBound, min(range.lowerBound + 65_536, self.buffer.readableBytes))
        var block = ByteBuffer()
        block.writeBytes(self.buffer.readableBytesSpan.extracting(range.lowerBound..<end))
        self.block = block
        self.blockStart = range.lowerBound
        return block.getSlice(at: 0, length: range.count) ?? ByteBuffer()
    }

    @usableFromInline
    mutating func readStreamedString() throws(RESPError) -> ByteBuffer {
        guard case .streamed = try self.length() else { throw RESPError(.malformed, "not a streamed string") }
        var joined = ByteBuffer()
        while true {
            guard try self.nextType() == .chunk, case .count(let count) = try self.length() else {
                throw RESPError(.malformed, "a streamed string without an end")
            }
            if count == 0 { return joined }
            let start = self.buffer.readerIndex + self.position
            guard self.buffer.readableBytes - self.position - 2 >= count,
                let piece = self.buffer.getSlice(at: start, length: count)
            else { throw RESPError(.malformed, "the reply is cut short") }
            joined.writeImmutableBuffer(piece)
            self.position += count + 2
        }
    }

    /// Reads a string of any kind as text; invalid UTF-8 is replaced.
    @inlinable
    public mutating func readString() throws(RESPError) -> String {
        if let (text, next) = try Self.bulkText(self.buffer.readableBytesUInt8Span, at: self.position) {
            self.position = next
            return text
        }
        guard let range = try self.stringRange() else { return String(buffer: try self.readStreamedString()) }
        return self.text(range)
    }

    /// Reads an integer, or a string that holds one.
    @inlinable
    public mutating func readInteger() throws(RESPError) -> Int64 {
        let range: Range<Int>
        if try self.nextType() == .integer {
            range = try self.line()
        } else {
            guard let string = try self.stringRange() else {
                throw RESPError(.unexpectedType, "a streamed string where an integer was expected")
            }
            range = string
        }
        guard let number = Line.integer(in: self.buffer.readableBytesUInt8Span, range) else {
            throw RESPError(.unexpectedType, "not a 64-bit integer")
        }
        return number
    }

    /// Reads a double, or a string or integer that holds one (`inf`, `-inf` and `nan` included).
    public mutating func readDouble() throws(RESPError) -> Double {
        let text = try self.readString()
        // Swift takes a NUL for the end of the number and does not look at what is behind it.
        guard !text.utf8.contains(0), let number = Double(text) else {
            throw RESPError(.unexpectedType, "not a number")
        }
        return number
    }

    /// Reads a boolean, or an integer that is 0 or 1 (as RESP2 has it).
    public mutating func readBoolean() throws(RESPError) -> Bool {
        if try self.nextType() == .boolean {
            let range = try self.line()
            return self.buffer.readableBytesUInt8Span[range.lowerBound] == UInt8(ascii: "t")
        }
        switch try self.readInteger() {
        case 0: return false
        case 1: return true
        default: throw RESPError(.unexpectedType, "neither 0 nor 1")
        }
    }
}

public import NIOCore

/// A type that can stand as one argument of a command.
public protocol RESPArgument: Sendable {
    /// Appends the argument as one bulk string. The length written must be the length that follows.
    func writeBulkString(into buffer: inout ByteBuffer)
}

extension ByteBuffer {
    /// Appends `*count CR LF`, the start of a command with `count` words, its name included.
    @inlinable
    public mutating func writeCommandHeader(count: Int) { self.writeHeader(UInt8(ascii: "*"), count) }

    /// Appends `$count CR LF`; the bytes and ``writeLineEnd()`` must follow.
    @inlinable
    public mutating func writeBulkHeader(count: Int) { self.writeHeader(UInt8(ascii: "$"), count) }

    /// Appends the CR LF behind the bytes of a bulk string.
    @inlinable
    public mutating func writeLineEnd() { self.writeInteger(0x0A0D as UInt16, endianness: .little) }

    /// Appends `type count CR LF`.
    @inlinable
    mutating func writeHeader(_ type: UInt8, _ count: Int) {
        // SAFETY: the closure writes at most 22 bytes and says how many.
        unsafe self.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.longestHeader) { target in
            unsafe Self.storeHeader(type, count, in: target)
        }
    }

    /// Appends `$count CR LF`, `count` bytes stored by `store`, and CR LF: one reservation for all three.
    @inlinable
    mutating func writeBulk(count: Int, _ store: (UnsafeMutableRawBufferPointer) -> Void) {
        // SAFETY: header, bytes and line end fit into what is reserved; `store` gets exactly `count` bytes to fill.
        unsafe self.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.longestHeader + count + 2) { target in
            let start = unsafe Self.storeHeader(UInt8(ascii: "$"), count, in: target)
            unsafe store(UnsafeMutableRawBufferPointer(rebasing: target[start..<start + count]))
            unsafe target.storeBytes(of: (0x0A0D as UInt16).littleEndian, toByteOffset: start + count, as: UInt16.self)
            return start + count + 2
        }
    }

    @inlinable static var longestHeader: Int { 22 }

    /// Type byte, digits and CR LF; short ones are put together in one word and stored at once.
    ///
    /// - Returns: how many bytes that is.
    @inlinable
    static func storeHeader(_ type: UInt8, _ count: Int, in target: UnsafeMutableRawBufferPointer) -> Int {
        precondition(count >= 0, "a length is never negative")
        guard count < 100_000 else {
            unsafe target[0] = type
            var digits = 0
            var rest = count
            while rest > 0 {
                digits += 1
                rest /= 10
            }
            rest = count
            for index in stride(from: digits, through: 1, by: -1) {
                unsafe target[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            }
            unsafe target[digits + 1] = 0x0D
            unsafe target[digits + 2] = 0x0A
            return digits + 3
        }
        // Little endian: what is written first is in the low byte. Digits come last to first.
        var word: UInt64 = 0x0A0D
        var digits = 0
        var rest = UInt64(count)
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            word = word << 8 | (0x30 + digit)
            rest = quotient
            digits += 1
        } while rest > 0
        word = word << 8 | UInt64(type)
        unsafe target.storeBytes(of: word.littleEndian, as: UInt64.self)
        return digits + 3
    }

    /// Appends a fixed piece of a command that is already in wire form, such as `*2\r\n$3\r\nGET\r\n`.
    @inlinable
    public mutating func writeWire(_ wire: StaticString) { self.writeStaticString(wire) }

    /// Appends a command's name or a fixed word as a bulk string.
    @inlinable
    public mutating func writeWord(_ word: StaticString) {
        self.writeBulkHeader(count: word.utf8CodeUnitCount)
        self.writeStaticString(word)
        self.writeLineEnd()
    }
}

extension String: RESPArgument {
    /// The string's UTF-8 bytes.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) {
        var text = self
        text.withUTF8 { bytes in
            unsafe buffer.writeBulk(count: bytes.count) { unsafe $0.copyMemory(from: UnsafeRawBufferPointer(bytes)) }
        }
    }
}

extension ByteBuffer: RESPArgument {
    /// The readable bytes.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) {
        unsafe self.withUnsafeReadableBytes { bytes in
            unsafe buffer.writeBulk(count: bytes.count) { unsafe $0.copyMemory(from: bytes) }
        }
    }
}

extension [UInt8]: RESPArgument {
    /// The bytes.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) {
        unsafe self.withUnsafeBytes { bytes in
            unsafe buffer.writeBulk(count: bytes.count) { unsafe $0.copyMemory(from: bytes) }
        }
    }
}

extension Int: RESPArgument {
    /// The number in decimal digits.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) {
        // Up to 15 digits need no allocation.
        String(self).writeBulkString(into: &buffer)
    }
}

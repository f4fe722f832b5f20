public import NIOCore
public import RESP

/// One word of a command as it was written: a whole bulk string.
@usableFromInline
struct EncodedWord: RESPArgument {
    @usableFromInline let bulkString: ByteBuffer

    @inlinable
    init(bulkString: ByteBuffer) { self.bulkString = bulkString }

    @inlinable
    init(_ argument: some RESPArgument) {
        var bytes = ByteBuffer()
        argument.writeBulkString(into: &bytes)
        self.bulkString = bytes
    }

    /// The bytes of the word: from behind the first line to the last line end, whatever they are.
    @usableFromInline
    var content: ByteBuffer {
        let bytes = self.bulkString.readableBytesView
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), bytes.endIndex - end > 2 else { return ByteBuffer() }
        return ByteBuffer(bytes[(end + 1)..<(bytes.endIndex - 2)])
    }

    /// The bytes as text.
    var text: String { String(buffer: self.content) }

    @inlinable
    func writeBulkString(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self.bulkString) }
}

/// The words of a command as they are written one after the other, and where each ends.
@usableFromInline
struct EncodedWords {
    @usableFromInline var bytes = ByteBuffer()
    @usableFromInline var ends: WordEnds

    /// No words yet, after the header of a command of `count` words.
    @inlinable
    init(header count: Int) {
        self.bytes.writeCommandHeader(count: count)
        self.ends = WordEnds(from: self.bytes.readableBytes)
    }

    /// No words yet, without a header.
    @inlinable
    init() { self.ends = WordEnds() }

    @inlinable
    mutating func append(_ argument: some RESPArgument) {
        argument.writeBulkString(into: &self.bytes)
        self.ends.append(self.bytes.readableBytes)
    }
}

/// Where each of a command's words ends, noted as it is written: no word is ever looked for among the bytes, so that
/// none can pass for several.
///
/// Up to eight words take no allocation.
@usableFromInline
struct WordEnds: Sendable {
    @usableFromInline var count = 0
    /// Where the first word begins.
    @usableFromInline let start: Int
    @usableFromInline var first = SIMD8<UInt32>()
    @usableFromInline var others: [UInt32] = []

    @inlinable
    init(from start: Int = 0) { self.start = start }

    /// The word just written ends here.
    @inlinable
    mutating func append(_ end: Int) {
        if self.count < 8 {
            self.first[self.count] = UInt32(clamping: end)
        } else {
            self.others.append(UInt32(clamping: end))
        }
        self.count += 1
    }

    private func end(_ index: Int) -> Int {
        if index < 0 { return self.start }
        return Int(index < 8 ? self.first[index] : self.others[index - 8])
    }

    /// The word at an index, which must be one.
    @usableFromInline
    func word(_ index: Int, in bytes: ByteBuffer) -> EncodedWord {
        let start = self.end(index - 1)
        let slice = bytes.getSlice(at: bytes.readerIndex + start, length: self.end(index) - start)
        return EncodedWord(bulkString: slice ?? ByteBuffer())
    }
}

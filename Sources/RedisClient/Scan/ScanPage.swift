public import NIOCore
public import RESP

/// `SCAN cursor …` and its kind, for one page.
@usableFromInline
struct ScanCommand<Page: RESPDecodable & RandomAccessCollection>: RedisCommand {
    /// Everything but the cursor, which stands in the middle.
    @usableFromInline
    struct Words: Sendable {
        @usableFromInline var count: Int
        @usableFromInline var head = ByteBuffer()
        @usableFromInline var tail = ByteBuffer()
        /// Of what is scanned; `nil`: the database.
        @usableFromInline var key: (any RESPArgument)?
    }

    @usableFromInline typealias Response = ScanPage<Page>
    @usableFromInline let words: Words
    @usableFromInline let cursor: String

    @inlinable
    init(words: Words, cursor: String) {
        self.words = words
        self.cursor = cursor
    }

    @inlinable
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.words.count + 1)
        buffer.writeImmutableBuffer(self.words.head)
        self.cursor.writeBulkString(into: &buffer)
        buffer.writeImmutableBuffer(self.words.tail)
    }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { if let key = self.words.key { keys.add(key) } }

    /// The same cursor may be asked for again.
    @inlinable var isIdempotent: Bool { true }
    /// A sparse pattern makes the server look at much.
    @inlinable var timeoutFactor: Int { 8 }
}

/// Where the next page begins, and what is on this one.
@usableFromInline
struct ScanPage<Elements: RESPDecodable>: RESPDecodable {
    /// As the server has it: a number up to 2^64, of which nothing is known but that `0` is the end.
    @usableFromInline let cursor: String
    @usableFromInline let elements: Elements

    @inlinable
    init(from reader: inout RESPReader) throws(RESPError) {
        var parts = try reader.readAggregate()
        guard try reader.hasNext(&parts) else { throw RESPError(.unexpectedType, "a page without a cursor") }
        self.cursor = try reader.readString()
        guard try reader.hasNext(&parts) else { throw RESPError(.unexpectedType, "a page without elements") }
        self.elements = try Elements(from: &reader)
        if try reader.hasNext(&parts) { throw RESPError(.unexpectedType, "more than a cursor and elements") }
    }
}

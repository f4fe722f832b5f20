/// Finds where a reply ends, without decoding it and without looking at any byte twice.
///
/// The caller hands in all bytes from the start of the current frame; when the frame is not complete, it hands in the
/// same bytes again with more behind them. Between the calls the scanner remembers the position of the next element
/// and how many elements each open aggregate still lacks, so that the work is linear under any slicing of the input:
/// only the header of a cut bulk string (at most 22 bytes) is read again.
///
/// A frame is one top-level element with the attributes in front of it. What the scanner lets through is well-formed:
/// types, lengths, nesting, line ends and limits have been checked.
public struct FrameScanner: Sendable {
    /// One aggregate whose elements are being counted, or one streamed string whose bytes are.
    @usableFromInline
    struct Level: Sendable {
        @usableFromInline enum Kind: Sendable { case counted, attribute, streamed, chunks }
        @usableFromInline var kind: Kind
        /// What is still to come; of a streamed one, what may still come within the limits.
        @usableFromInline var remaining: Int

        @usableFromInline
        init(_ kind: Kind, remaining: Int) {
            self.kind = kind
            self.remaining = remaining
        }
    }

    @usableFromInline let limits: RESPLimits
    /// The start of the next element, counted from the start of the frame.
    @usableFromInline var position = 0
    /// Bytes of the line at `position` that are known to hold no line end.
    @usableFromInline var searched = 0
    @usableFromInline var open: [Level] = []
    /// The type of the frame found last, attributes skipped.
    public private(set) var type = RESPType.null

    /// A scanner at the start of a frame.
    public init(limits: RESPLimits = RESPLimits()) { self.limits = limits }

    /// Looks for the end of the frame that starts at the first byte of `bytes`.
    ///
    /// - Returns: the length of the frame in bytes, or `nil` if more bytes are needed.
    /// - Throws: ``RESPError`` with `malformed` or `limitExceeded`; the scanner must not be used any further.
    public mutating func scan(_ bytes: Span<UInt8>) throws(RESPError) -> Int? {
        if self.open.isEmpty, self.position == 0, bytes.count > 0, bytes[0] == RESPType.bulkString.byte {
            // Most replies are one bulk string: no state is touched for them.
            if let (length, next) = try Line.length(in: bytes, at: 1), case .count(let count) = length,
                count <= self.limits.maximumBulkBytes, bytes.count - next - 2 >= count
            {
                try Self.checkLineEnd(in: bytes, at: next + count)
                self.type = .bulkString
                return next + count + 2
            }
        }
        while self.position < bytes.count {
            guard let next = try self.element(in: bytes, RESPType(byte: bytes[self.position])) else { return nil }
            self.position = next.position
            self.searched = 0
            if next.completes, try self.closeLevels() {
                let length = self.position
                self.position = 0
                return length
            }
        }
        return nil
    }

    /// Reads one element, or the header of an aggregate, at `position`.
    ///
    /// - Returns: the position behind it and whether an element was completed by it; `nil` if it is not all there.
    private mutating func element(
        in bytes: Span<UInt8>,
        _ type: RESPType
    ) throws(RESPError) -> (position: Int, completes: Bool)? {
        if self.open.isEmpty, type != .attribute { self.type = type }
        if case .chunks? = self.open.last?.kind, type != .chunk {
            throw RESPError(.malformed, "something else than a chunk inside a streamed string")
        }
        let start = self.position + 1
        switch type {
        case .simpleString, .simpleError, .integer, .double, .bigNumber, .null, .boolean:
            let limit = self.limits.maximumLineBytes
            guard let end = try Line.end(in: bytes, at: start, searched: self.searched, limit: limit) else {
                self.searched = max(0, bytes.count - start - 1)
                return nil
            }
            try Self.checkScalar(type, in: bytes, start..<end)
            return (end + 2, true)
        case .bulkString, .bulkError, .verbatimString, .chunk:
            return try self.bulk(in: bytes, type)
        case .array, .set, .map, .push, .attribute:
            return try self.aggregate(in: bytes, type)
        case .end:
            guard case .streamed? = self.open.last?.kind else { throw RESPError(.malformed, "an end without a start") }
            guard let end = try Line.end(in: bytes, at: start, searched: 0, limit: 2) else { return nil }
            guard end == start else { throw RESPError(.malformed, "text behind an end") }
            self.open.removeLast()
            return (end + 2, true)
        default:
            throw RESPError(.malformed, "unknown type byte \(type.byte)")
        }
    }

    private mutating func bulk(
        in bytes: Span<UInt8>,
        _ type: RESPType
    ) throws(RESPError) -> (position: Int, completes: Bool)? {
        guard let (length, next) = try Line.length(in: bytes, at: self.position + 1) else { return nil }
        switch length {
        case .null:
            guard type == .bulkString else { throw RESPError(.malformed, "a negative length") }
            return (next, true)
        case .streamed:
            guard type == .bulkString else { throw RESPError(.malformed, "a streamed type that cannot be streamed") }
            try self.push(Level(.chunks, remaining: self.limits.maximumBulkBytes))
            return (next, false)
        case .count(let count):
            guard count <= self.limits.maximumBulkBytes else {
                throw RESPError(.limitExceeded, "a bulk string of more than \(self.limits.maximumBulkBytes) bytes")
            }
            if type == .chunk {
                guard let last = self.open.indices.last, self.open[last].kind == .chunks else {
                    throw RESPError(.malformed, "a chunk outside of a streamed string")
                }
                if count == 0 {
                    self.open.removeLast()
                    return (next, true)
                }
                guard count <= self.open[last].remaining else {
                    throw RESPError(.limitExceeded, "a streamed string of more than the longest bulk string")
                }
            }
            guard bytes.count - next - 2 >= count else { return nil }
            try Self.checkLineEnd(in: bytes, at: next + count)
            if type == .verbatimString {
                guard count >= 4, bytes[next + 3] == UInt8(ascii: ":") else {
                    throw RESPError(.malformed, "a verbatim string without a format")
                }
            }
            if type == .chunk { self.open[self.open.count - 1].remaining -= count }
            return (next + count + 2, type != .chunk)
        }
    }

    private mutating func aggregate(
        in bytes: Span<UInt8>,
        _ type: RESPType
    ) throws(RESPError) -> (position: Int, completes: Bool)? {
        guard let (length, next) = try Line.length(in: bytes, at: self.position + 1) else { return nil }
        if type == .push, !self.open.isEmpty { throw RESPError(.malformed, "a push inside another element") }
        switch length {
        case .null:
            guard type == .array else { throw RESPError(.malformed, "a negative count") }
            return (next, true)
        case .streamed:
            guard type == .array || type == .set || type == .map else {
                throw RESPError(.malformed, "a streamed type that cannot be streamed")
            }
            try self.push(Level(.streamed, remaining: self.limits.maximumElements))
            return (next, false)
        case .count(let count):
            let (elements, overflow) =
                type == .map || type == .attribute ? count.multipliedReportingOverflow(by: 2) : (count, false)
            guard !overflow, elements <= self.limits.maximumElements else {
                throw RESPError(.limitExceeded, "an aggregate of more than \(self.limits.maximumElements) elements")
            }
            if elements == 0 { return (next, type != .attribute) }
            try self.push(Level(type == .attribute ? .attribute : .counted, remaining: elements))
            return (next, false)
        }
    }

    private mutating func push(_ level: Level) throws(RESPError) {
        guard self.open.count < self.limits.maximumDepth else {
            throw RESPError(.limitExceeded, "nesting deeper than \(self.limits.maximumDepth)")
        }
        self.open.append(level)
    }

    /// Counts a completed element in its aggregate, and that one in the next; `true` when the frame is complete.
    private mutating func closeLevels() throws(RESPError) -> Bool {
        while let last = self.open.indices.last {
            self.open[last].remaining -= 1
            if self.open[last].kind == .streamed {
                guard self.open[last].remaining >= 0 else {
                    throw RESPError(.limitExceeded, "an aggregate of more than \(self.limits.maximumElements) elements")
                }
                return false
            }
            if self.open[last].remaining > 0 { return false }
            // What an attribute describes is still to come.
            if self.open.removeLast().kind == .attribute { return false }
        }
        return true
    }

    @inline(__always)
    private static func checkLineEnd(in bytes: Span<UInt8>, at index: Int) throws(RESPError) {
        guard bytes[index] == Line.cr, bytes[index + 1] == Line.lf else {
            throw RESPError(.malformed, "a bulk string is longer than announced")
        }
    }

    private static func checkScalar(
        _ type: RESPType,
        in bytes: Span<UInt8>,
        _ range: Range<Int>
    ) throws(RESPError) {
        let isSound =
            switch type {
            case .integer: Line.integer(in: bytes, range) != nil
            case .null: range.isEmpty
            case .boolean:
                range.count == 1
                    && (bytes[range.lowerBound] == UInt8(ascii: "t") || bytes[range.lowerBound] == UInt8(ascii: "f"))
            case .bigNumber: Line.isDecimal(in: bytes, range)
            case .double: !range.isEmpty
            default: true
            }
        guard isSound else { throw RESPError(.malformed, "not a value of its type") }
    }
}

/// Reading of header lines (`$123\r\n`) and number lines, shared by the scanner and the reader.
///
/// Nothing in here can trap: every index is compared with the count first, every sum that involves received numbers
/// is bounded by the limits before it is formed.
@usableFromInline
enum Line {
    @usableFromInline static let cr: UInt8 = 0x0D
    @usableFromInline static let lf: UInt8 = 0x0A

    /// A header's number: a count, the null of RESP2, or "streamed".
    @usableFromInline
    enum Length: Equatable {
        case count(Int)
        case null
        case streamed
    }

    /// Parses the digits behind the type byte at `start - 1` up to and with CR LF.
    ///
    /// - Returns: the number and the index behind the line, or `nil` if the line is not complete yet.
    @inlinable
    static func length(in bytes: Span<UInt8>, at start: Int) throws(RESPError) -> (Length, next: Int)? {
        var index = start
        var number = 0
        let limit = min(bytes.count, start + 20)
        while index < limit {
            let byte = bytes[index]
            let digit = byte &- 0x30
            if digit < 10 {
                let (product, overflow) = number.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(Int(digit))
                if overflow || carry { throw RESPError(.malformed, "a length is larger than 64 bits") }
                number = sum
                index += 1
                continue
            }
            if byte == Self.cr, index > start {
                guard index + 1 < bytes.count else { return nil }
                guard bytes[index + 1] == Self.lf else { throw RESPError(.malformed, "CR without LF behind a length") }
                return (.count(number), index + 2)
            }
            return try Self.unusualLength(in: bytes, at: start)
        }
        if index - start >= 20 { throw RESPError(.malformed, "a length has more than 19 digits") }
        return nil
    }

    /// `-1` and `?`, the two headers that are no counts.
    @usableFromInline
    static func unusualLength(in bytes: Span<UInt8>, at start: Int) throws(RESPError) -> (Length, next: Int)? {
        guard start < bytes.count else { return nil }
        if bytes[start] == UInt8(ascii: "?") {
            return try Self.index(behind: 0x0A0D_3F, count: 3, in: bytes, at: start).map { (.streamed, $0) }
        }
        return try Self.index(behind: 0x0A0D_312D, count: 4, in: bytes, at: start).map { (.null, $0) }
    }

    /// Compares with a short word, given as an integer whose low byte comes first.
    ///
    /// - Returns: the index behind the word, or `nil` if the bytes end inside of it.
    /// - Throws: `malformed` at the first byte that differs.
    private static func index(
        behind word: UInt32,
        count: Int,
        in bytes: Span<UInt8>,
        at start: Int
    ) throws(RESPError) -> Int? {
        for offset in 0..<count {
            guard start + offset < bytes.count else { return nil }
            guard bytes[start + offset] == UInt8(truncatingIfNeeded: word >> (8 * UInt32(offset))) else {
                throw RESPError(.malformed, "a length is not a number")
            }
        }
        return start + count
    }

    /// The end of the text line that starts at `start`: the index of its CR.
    ///
    /// `searched` bytes were looked at before.
    @inlinable
    static func end(
        in bytes: Span<UInt8>,
        at start: Int,
        searched: Int,
        limit: Int
    ) throws(RESPError) -> Int? {
        var index = start + searched
        while index < bytes.count {
            let byte = bytes[index]
            if byte == Self.cr {
                guard index + 1 < bytes.count else { return nil }
                guard bytes[index + 1] == Self.lf else { throw RESPError(.malformed, "CR without LF in a line") }
                return index
            }
            if byte == Self.lf { throw RESPError(.malformed, "LF without CR in a line") }
            if index - start >= limit { throw RESPError(.limitExceeded, "a line is longer than \(limit) bytes") }
            index += 1
        }
        return nil
    }

    /// Whether `range` is a decimal number of any size: a sign or none, and digits.
    static func isDecimal(in bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        if !range.isEmpty, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") { index += 1 }
        guard index < range.upperBound else { return false }
        while index < range.upperBound {
            guard bytes[index] &- 0x30 < 10 else { return false }
            index += 1
        }
        return true
    }

    /// A signed 64-bit decimal number that fills `range` exactly; `nil` if it is none.
    @inlinable
    static func integer(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        guard index < range.upperBound, range.upperBound <= bytes.count else { return nil }
        let negative = bytes[index] == UInt8(ascii: "-")
        if negative || bytes[index] == UInt8(ascii: "+") { index += 1 }
        guard index < range.upperBound, range.upperBound - index <= 19 else { return nil }
        var number: Int64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                negative
                ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
            if overflow || carry { return nil }
            number = sum
            index += 1
        }
        return number
    }
}

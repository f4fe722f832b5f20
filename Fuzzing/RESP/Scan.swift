package import RESP
package import Seeded

/// What a scanner finds in a stream of bytes that arrives in pieces.
package struct Scan: Equatable {
    /// One frame: its type and where it stands.
    package struct Frame: Equatable {
        package let type: RESPType
        package let range: Range<Int>

        package init(type: RESPType, range: Range<Int>) {
            self.type = type
            self.range = range
        }
    }

    package private(set) var frames: [Frame] = []
    /// Why the scan ended early.
    package private(set) var error: RESPError.Code?

    /// Scans as a connection does: after each cut, whatever has come from the start of the frame on is handed in.
    package init(
        _ bytes: [UInt8],
        cuts: some Sequence<Int> = EmptyCollection(),
        limits: RESPLimits = RESPLimits()
    ) {
        var scanner = FrameScanner(limits: limits)
        var start = 0
        do throws(RESPError) {
            for cut in cuts { try self.scan(bytes, upTo: cut, with: &scanner, from: &start) }
            try self.scan(bytes, upTo: bytes.count, with: &scanner, from: &start)
        } catch {
            self.error = error.code
        }
    }

    private mutating func scan(
        _ bytes: [UInt8],
        upTo end: Int,
        with scanner: inout FrameScanner,
        from start: inout Int
    ) throws(RESPError) {
        while start < end, let length = try scanner.scan(bytes.span.extracting(start..<end)) {
            self.frames.append(Frame(type: scanner.type, range: start..<start + length))
            start += length
        }
    }
}

/// Cuts at random places, some pieces of one byte among them; the same for the same generator.
package func randomCuts(of count: Int, upTo longest: Int, using random: inout SeededGenerator) -> [Int] {
    var cuts: [Int] = []
    var cut = 0
    while true {
        cut += random.below(longest) + 1
        guard cut < count else { return cuts }
        cuts.append(cut)
    }
}

extension SeededGenerator {
    /// A number from 0 to `bound - 1`; slightly uneven, but cheap.
    package mutating func below(_ bound: Int) -> Int { Int(self.next() >> 33) % bound }
}

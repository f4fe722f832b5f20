package import NIOCore
package import RESP
import Seeded

/// What must hold for any bytes that come in place of replies.
package enum RESPFuzz {
    /// The defaults, and limits so small that short inputs reach each of them.
    private static let limits: [RESPLimits] = {
        var small = RESPLimits()
        small.maximumBulkBytes = 12
        small.maximumElements = 6
        small.maximumDepth = 3
        small.maximumLineBytes = 10
        return [RESPLimits(), small]
    }()

    /// Scans, reads and decodes the bytes in every way.
    ///
    /// - Returns: what does not hold; empty when all is well. Nothing may trap.
    package static func violations(_ bytes: [UInt8]) -> [String] {
        var found = Self.limits.flatMap { Self.differencesBySlicing(bytes, $0) }
        // A prefix, so that the reader index of a slice is not 0.
        let buffer = ByteBuffer(bytes: [0x2A] + bytes)
        let all = buffer.getSlice(at: 1, length: bytes.count) ?? ByteBuffer()
        for decoding in Decoding.all { _ = decoding.failure(all) }
        for frame in Scan(bytes).frames {
            guard let slice = buffer.getSlice(at: 1 + frame.range.lowerBound, length: frame.range.count) else {
                found.append("a frame outside of the bytes: \(frame)")
                continue
            }
            if let problem = Self.problem(of: slice, type: frame.type) { found.append("\(frame): \(problem)") }
            for decoding in Decoding.all where !decoding.readsAllOrFails(slice) {
                found.append("\(frame): \(decoding) ends early")
            }
        }
        return found
    }

    /// Scans the bytes whole and in pieces of many sizes.
    private static func differencesBySlicing(_ bytes: [UInt8], _ limits: RESPLimits) -> [String] {
        let whole = Scan(bytes, limits: limits)
        var found: [String] = []
        for size in [1, 2, 3, 5, 8, 21, 55, 377] where size < bytes.count {
            let sliced = Scan(bytes, cuts: stride(from: size, to: bytes.count, by: size), limits: limits)
            if sliced != whole { found.append("whole: \(whole); in pieces of \(size): \(sliced)") }
        }
        var random = SeededGenerator(seed: bytes.reduce(UInt64(bytes.count)) { $0 &* 0x100_0000_01B3 ^ UInt64($1) })
        for longest in [4, 40] {
            let cuts = randomCuts(of: bytes.count, upTo: longest, using: &random)
            let sliced = Scan(bytes, cuts: cuts, limits: limits)
            if sliced != whole { found.append("whole: \(whole); cut at \(cuts): \(sliced)") }
        }
        return found
    }

    /// What is wrong with a frame that the scanner let through; `nil` when it can be skipped and read as a whole.
    package static func problem(of frame: ByteBuffer, type: RESPType) -> String? {
        var reader = RESPReader(frame)
        do throws(RESPError) {
            guard try reader.nextType() == type else { return "the reader finds another type" }
            try reader.skip()
            guard reader.isAtEnd else { return "skipping ends early" }
        } catch {
            return "skipping fails: \(error)"
        }
        reader = RESPReader(frame)
        do throws(RESPError) {
            let value = try RESPValue(from: &reader)
            var again = RESPReader(ByteBuffer(bytes: frame.readableBytesView))
            guard try RESPValue(from: &again) == value else { return "read twice, it has two values" }
            return nil
        } catch {
            return Self.isExpected(error) ? nil : "reading fails: \(error)"
        }
    }

    /// The two things that the scanner leaves to the reader.
    private static func isExpected(_ error: RESPError) -> Bool {
        switch error.code {
        // The text of a double.
        case .unexpectedType: error.message == "not a number"
        // Whether a streamed map ends behind a key.
        case .malformed: error.message == "a key without a value"
        default: false
        }
    }
}

import Foundation
import NIOCore
import Oxbow
import RedisClient
import Testing

/// A small value that inflates to a very large one (row 50 of the failure modes): inflating stops at the limit.
@Suite(.timeLimit(.minutes(1))) struct BombTests {
    private static let limit = 32 << 20

    @Test func `what is made here is what zlib inflates`() {
        let text = Bomb.stream(repeats: 16 * 1024)
        let length = 1 + 258 * 16 * 1024
        #expect(Deflate().inflate(text, length: length) == ByteBuffer(repeating: 0, count: length))
        #expect(text.readableBytes * 1000 < length)
    }

    /// What a cell of 1 MB may say of the gigabyte that it inflates to.
    @Test(arguments: [1000, Self.limit, Bomb.length, Int(UInt32.max)])
    func `a bomb is a miss, costs no more than the limit, and is replaced`(_ declared: Int) async throws {
        var configuration = patient()
        configuration.maximumValueBytes = Self.limit
        let bomb = Envelope(kind: .deflated, length: declared, payload: Bomb.stream(repeats: Bomb.repeats)).encoded
        #expect(bomb.readableBytes < 1 << 20 + 100)
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let module = freshModule("bomb")
            let cache = try oxbow.cache(module, of: Data.self)
            let client = try #require(oxbow.client)
            _ = try await client.execute(SET("ox-cache:\(module):1:k", bomb, milliseconds: 60_000))
            let before = try Memory.resetPeak()
            check(try await cache.value(for: "k") { Data([7]) }, Data([7]))
            let megabytes = try (Memory.peak() - before) >> 20
            // The limit, what came over the socket, and what the allocator leaves.
            #expect(megabytes < Self.limit >> 20 + 16, "\(megabytes) MB for a value that says it has \(declared) bytes")
            let unusable = cache.statistics.unusable
            #expect(declared > Self.limit ? unusable.tooLarge == 1 : unusable.undecodable == 1)
            #expect(unusable.total == 1)
            #expect(try await cache.value(for: "k") == Data([7]))
        }
    }
}

/// Zeros, deflated as small as the format allows: two bits for 258 of them.
private enum Bomb {
    /// A gigabyte.
    static let repeats = 1 << 22 - 100
    static let length = 1 + 258 * Self.repeats

    /// A zlib stream of one zero and `repeats` times 258 further ones (RFC 1950, RFC 1951).
    static func stream(repeats: Int) -> ByteBuffer {
        var bits = Bits()
        bits.add(0x0178, 16)
        // The last block, with codes of its own: 286 for lengths, 1 for distances, 18 for the lengths of both.
        bits.add(0b101, 3)
        bits.add(29, 5)
        bits.add(0, 5)
        bits.add(14, 4)
        // In the order of the format: 18 has one bit; 2 and 1 have two.
        for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] { bits.add(length, 3) }
        // Zero, two bits; 138 and 117 without a code; the end, two bits; 28 without; 258 times, one bit; distance 1, one bit.
        bits.code("11")
        bits.unused(138)
        bits.unused(117)
        bits.code("11")
        bits.unused(28)
        bits.code("10")
        bits.code("10")
        // One zero, then as often as is asked for: 258 times what stands one byte before.
        bits.code("10")
        for _ in 0..<repeats { bits.add(0, 2) }
        bits.code("11")
        bits.align()
        let checksum = UInt32((1 + 258 * repeats) % 65_521) << 16 | 1
        bits.bytes.writeInteger(checksum)
        return bits.bytes
    }

    private struct Bits {
        var bytes = ByteBuffer()
        private var pending = 0
        private var count = 0

        /// The lowest bit first, as numbers are written.
        mutating func add(_ value: Int, _ width: Int) {
            self.pending |= value << self.count
            self.count += width
            while self.count >= 8 {
                self.bytes.writeInteger(UInt8(truncatingIfNeeded: self.pending))
                self.pending >>= 8
                self.count -= 8
            }
        }

        /// The highest bit first, as codes are.
        mutating func code(_ text: String) { for bit in text { self.add(bit == "1" ? 1 : 0, 1) } }

        /// Symbols without a code.
        mutating func unused(_ count: Int) {
            self.code("0")
            self.add(count - 11, 7)
        }

        mutating func align() { if self.count > 0 { self.add(0, 8 - self.count) } }
    }
}

/// The memory of this process, as the kernel counts it.
private enum Memory {
    /// - Returns: what is in use now, in bytes.
    static func resetPeak() throws -> Int {
        try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
        return try self.peak()
    }

    /// The most since the last reset, in bytes.
    static func peak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) * 1024
    }
}

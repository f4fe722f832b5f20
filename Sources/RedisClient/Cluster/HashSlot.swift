import NIOCore
public import RESP

/// One of the 16 384 slots that a cluster's keys fall into.
public struct HashSlot: Sendable, Hashable, CustomStringConvertible {
    /// 0 to 16 383.
    public let number: Int
    /// How many there are.
    public static let count = 16_384

    /// The number in digits.
    public var description: String { "\(self.number)" }

    /// A slot by its number; `nil` where there is none of it.
    public init?(_ number: Int) {
        guard (0..<Self.count).contains(number) else { return nil }
        self.number = number
    }

    /// The slot of a key: CRC-16 (XMODEM) of its hash tag, or of the whole key where it has none.
    ///
    /// The hash tag is what stands between the first `{` and the next `}`, if that is not empty
    /// ([cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/)).
    public init(of key: some RESPArgument) {
        var words = ByteBuffer()
        key.writeBulkString(into: &words)
        // `$length CR LF bytes CR LF`: the first line ends at the first CR LF, whatever the key holds.
        let bytes = words.readableBytesView
        let start = bytes.firstIndex(of: UInt8(ascii: "\n")).map { bytes.index(after: $0) } ?? bytes.startIndex
        let content = bytes[start..<max(start, bytes.endIndex - 2)]
        var tag = content
        if let open = content.firstIndex(of: UInt8(ascii: "{")) {
            let inside = content[content.index(after: open)...]
            if let close = inside.firstIndex(of: UInt8(ascii: "}")), close > inside.startIndex {
                tag = inside[..<close]
            }
        }
        self.number = Int(Self.checksum(tag)) & (Self.count - 1)
    }

    private static func checksum(_ bytes: ByteBufferView) -> UInt16 {
        var sum: UInt16 = 0
        for byte in bytes { sum = sum << 8 ^ Self.table[Int(sum >> 8) ^ Int(byte)] }
        return sum
    }

    /// The polynomial x^16 + x^12 + x^5 + 1, for each first byte.
    private static let table: [UInt16] = (0..<256)
        .map { first in
            var sum = UInt16(first) << 8
            for _ in 0..<8 { sum = sum & 0x8000 == 0 ? sum << 1 : sum << 1 ^ 0x1021 }
            return sum
        }
}

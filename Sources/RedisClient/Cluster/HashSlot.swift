public import NIOCore
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
    @inlinable
    public init(of key: some RESPArgument) {
        // The usual types as they are; others have to be written first.
        if let key = key as? String {
            self.init(key)
        } else if let key = key as? ByteBuffer {
            self.init(bytes: key.readableBytesUInt8Span)
        } else if let key = key as? [UInt8] {
            self.init(bytes: key.span)
        } else {
            self.init(word: key as? EncodedWord ?? EncodedWord(key))
        }
    }

    @usableFromInline
    init(_ key: String) {
        var key = key
        // SAFETY: the bytes are valid for the closure, which keeps none of them.
        self = key.withUTF8 { HashSlot(bytes: unsafe $0.span) }
    }

    @usableFromInline
    init(word: EncodedWord) { self.init(bytes: word.content.readableBytesUInt8Span) }

    @usableFromInline
    init(bytes: Span<UInt8>) {
        var range = 0..<bytes.count
        if let open = Self.index(of: UInt8(ascii: "{"), in: bytes, from: 0),
            let close = Self.index(of: UInt8(ascii: "}"), in: bytes, from: open + 1), close > open + 1
        {
            range = open + 1..<close
        }
        let table = Self.table
        var sum: UInt16 = 0
        for index in range { sum = sum << 8 ^ table[Int(sum >> 8) ^ Int(bytes[index])] }
        self.number = Int(sum) & (Self.count - 1)
    }

    private static func index(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
        for index in start..<bytes.count where bytes[index] == byte { return index }
        return nil
    }

    /// The polynomial x^16 + x^12 + x^5 + 1, for each first byte.
    private static let table: [UInt16] = (0..<256)
        .map { first in
            var sum = UInt16(first) << 8
            for _ in 0..<8 { sum = sum & 0x8000 == 0 ? sum << 1 : sum << 1 ^ 0x1021 }
            return sum
        }
}

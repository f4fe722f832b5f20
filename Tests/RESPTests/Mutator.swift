import RESP
import RESPFuzzing
import Seeded

/// Makes hostile bytes from good frames; the same for the same seed.
struct Mutator {
    var random: SeededGenerator
    private let seeds = Example.all.map(\.bytes)
    private static let alphabet = Array("$*%~>|=!;:+-_#,(.?0123456789tf\r\n\r\n\r\nxX \0\u{7F}".utf8)
    private static let numbers = [
        "0", "1", "2", "3", "9", "-1", "-2", "-0", "?", "", "+1", "00", "2147483648", "4294967296", "67108865",
        "536870913",
        "4611686018427387904", "9223372036854775807", "9223372036854775808", "99999999999999999999",
    ]
    .map { Array($0.utf8) }

    init(seed: UInt64) { self.random = SeededGenerator(seed: seed) }

    /// One case: frames with a few mutations, or bytes of no origin.
    mutating func next() -> [UInt8] {
        switch self.random.below(16) {
        case 0: return (0..<self.random.below(40)).map { _ in UInt8(truncatingIfNeeded: self.random.next()) }
        case 1, 2: return (0..<self.random.below(40)).map { _ in self.letter() }
        default:
            var bytes = self.seed()
            if self.random.below(3) == 0 { bytes += self.seed() }
            for _ in 0...self.random.below(4) { self.mutate(&bytes) }
            return bytes
        }
    }

    private mutating func seed() -> [UInt8] { self.seeds[self.random.below(self.seeds.count)] }

    private mutating func letter() -> UInt8 { Self.alphabet[self.random.below(Self.alphabet.count)] }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let index = self.random.below(bytes.count)
        let end = index + self.random.below(min(bytes.count - index, 12) + 1)
        switch self.random.below(11) {
        case 0: bytes[index] ^= 1 << UInt8(self.random.below(8))
        case 1: bytes[index] = self.letter()
        case 2: bytes.insert(self.letter(), at: index)
        case 3: bytes.removeSubrange(index..<end)
        case 4: bytes.insert(contentsOf: bytes[index..<end], at: self.random.below(bytes.count))
        case 5: bytes.removeSubrange(index...)
        case 6: bytes.replaceSubrange(index..<end, with: self.seed())
        case 7: bytes.replaceSubrange(index..., with: self.seed().suffix(self.random.below(20)))
        case 8: bytes.insert(contentsOf: [0x0D, 0x0A], at: index)
        case 9: bytes.insert(contentsOf: Self.numbers[self.random.below(Self.numbers.count)], at: index)
        default:
            // In place of the number that is there: headers with hostile counts in an otherwise sound frame.
            let isDigit = { (byte: UInt8) in byte &- 0x30 < 10 }
            guard let first = bytes[index...].firstIndex(where: isDigit) else { return }
            let last = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
            bytes.replaceSubrange(first..<last, with: Self.numbers[self.random.below(Self.numbers.count)])
        }
    }
}

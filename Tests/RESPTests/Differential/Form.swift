import NIOCore
import RESP

/// A reply in the form that `read.py` prints: only what both readers can tell.
indirect enum Form: Hashable, Decodable {
    case null
    case boolean(Bool)
    case integer(String)
    /// The bits of a double in hex, or `nan`.
    case double(String)
    /// Bytes in hex.
    case string(String)
    /// The bytes of an error's line in hex.
    case error(String)
    /// A set and a push too.
    case array([Form])
    case map([Pair])

    struct Pair: Hashable, Decodable {
        let key: Form
        let value: Form

        init(key: Form, value: Form) {
            self.key = key
            self.value = value
        }

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            self.key = try pair.decode(Form.self)
            self.value = try pair.decode(Form.self)
        }
    }

    init(_ value: RESPValue) {
        switch value {
        case .null: self = .null
        case .boolean(let value): self = .boolean(value)
        case .integer(let number): self = .integer(String(number))
        case .double(let number):
            let bits = String(number.bitPattern, radix: 16)
            self = .double(number.isNaN ? "nan" : String(repeating: "0", count: 16 - bits.count) + bits)
        case .string(let bytes): self = .string(Self.hex(bytes.readableBytesView))
        // Python has no type of its own for what is larger than 64 bits, and hiredis leaves it as text.
        case .bigNumber(let text): self = .string(Self.hex(text.utf8))
        case .error(let reply): self = .error(Self.hex(reply.message.utf8))
        case .array(let elements): self = .array(elements.map { Form($0) })
        case .map(let pairs): self = .map(pairs.map { Pair(key: Form($0.key), value: Form($0.value)) })
        }
    }

    init(from decoder: any Decoder) throws {
        var parts = try decoder.unkeyedContainer()
        switch try parts.decode(String.self) {
        case "null": self = .null
        case "boolean": self = .boolean(try parts.decode(Bool.self))
        case "integer": self = .integer(try parts.decode(String.self))
        case "double": self = .double(try parts.decode(String.self))
        case "string": self = .string(try parts.decode(String.self))
        case "error": self = .error(try parts.decode(String.self))
        case "array": self = .array(try parts.decode([Form].self))
        case "map": self = .map(try parts.decode([Pair].self))
        case let other:
            throw DecodingError.dataCorruptedError(in: parts, debugDescription: "no type of a reply: \(other)")
        }
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// With maps as Python has them: of equal keys the first key and the last value.
    var withoutEqualKeys: Form {
        switch self {
        case .array(let elements): return .array(elements.map(\.withoutEqualKeys))
        case .map(let pairs):
            var kept: [Pair] = []
            for pair in pairs {
                let value = pair.value.withoutEqualKeys
                if let index = kept.firstIndex(where: { $0.key.isEqualInPython(to: pair.key) }) {
                    kept[index] = Pair(key: kept[index].key, value: value)
                } else {
                    kept.append(Pair(key: pair.key, value: value))
                }
            }
            return .map(kept)
        default: return self
        }
    }

    /// Numbers and booleans of one value are equal; errors and NaN are equal to nothing.
    private func isEqualInPython(to other: Form) -> Bool {
        if let mine = self.number, let theirs = other.number { return mine == theirs }
        if case .error = self { return false }
        return self == other && self != .double("nan")
    }

    /// The value of a number or boolean that a double holds exactly.
    private var number: Double? {
        switch self {
        case .boolean(let value): value ? 1 : 0
        case .integer(let text): Int64(text).flatMap { Double(exactly: $0) }
        case .double(let bits): UInt64(bits, radix: 16).map { Double(bitPattern: $0) }
        default: nil
        }
    }
}

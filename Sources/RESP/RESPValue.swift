public import NIOCore

/// A reply as a tree, for replies whose shape is not known beforehand: script results, transactions, debugging.
public indirect enum RESPValue: Sendable, Hashable, RESPDecodable {
    /// A string of any kind, as bytes.
    case string(ByteBuffer)
    /// An integer.
    case integer(Int64)
    /// A double.
    case double(Double)
    /// A number of any size, as text.
    case bigNumber(String)
    /// A boolean.
    case boolean(Bool)
    /// A null of either protocol version.
    case null
    /// An error, at any depth.
    case error(ErrorReply)
    /// An array, a set or a push.
    case array([RESPValue])
    /// The pairs of a map in the server's order.
    case map([(key: RESPValue, value: RESPValue)])

    /// Reads one element and all below it; attributes are skipped.
    ///
    /// Errors are values here, at any depth.
    public init(from reader: inout RESPReader) throws(RESPError) {
        // The innermost element of the deepest aggregates allowed is no aggregate itself, thus one level more.
        guard reader.depth <= RESPLimits().maximumDepth else { throw RESPError(.limitExceeded, "nesting too deep") }
        reader.depth += 1
        defer { reader.depth -= 1 }
        if try reader.readNullIfPresent() {
            self = .null
            return
        }
        switch try reader.nextType() {
        case .integer: self = .integer(try reader.readInteger())
        case .double: self = .double(try reader.readDouble())
        case .bigNumber: self = .bigNumber(try reader.readString())
        case .boolean: self = .boolean(try reader.readBoolean())
        case .simpleError, .bulkError: self = .error(try reader.readError())
        case .array, .set, .push: self = .array(try [RESPValue](from: &reader))
        case .map:
            let flat = try [RESPValue](from: &reader)
            guard flat.count.isMultiple(of: 2) else { throw RESPError(.malformed, "a key without a value") }
            self = .map(stride(from: 0, to: flat.count, by: 2).map { (flat[$0], flat[$0 + 1]) })
        default: self = .string(try ByteBuffer(from: &reader))
        }
    }

    /// Equal trees; pairs of maps are compared in order.
    public static func == (left: RESPValue, right: RESPValue) -> Bool {
        switch (left, right) {
        case (.string(let a), .string(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.double(let a), .double(let b)): a == b || (a.isNaN && b.isNaN)
        case (.bigNumber(let a), .bigNumber(let b)): a == b
        case (.boolean(let a), .boolean(let b)): a == b
        case (.null, .null): true
        case (.error(let a), .error(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.map(let a), .map(let b)): a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
        default: false
        }
    }

    /// Hashes the parts that ``==(_:_:)`` compares.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .string(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value.isNaN ? .nan : value)
        case .bigNumber(let value): hasher.combine(value)
        case .boolean(let value): hasher.combine(value)
        case .null: hasher.combine(0)
        case .error(let value): hasher.combine(value)
        case .array(let values): hasher.combine(values)
        case .map(let pairs):
            for pair in pairs {
                hasher.combine(pair.key)
                hasher.combine(pair.value)
            }
        }
    }
}

public import RESP

/// An element made of two values that stand side by side in a reply.
public protocol PairDecodable: Sendable {
    /// What stands first.
    associatedtype First: RESPDecodable
    /// What stands second.
    associatedtype Second: RESPDecodable
    /// An element of both.
    init(_ first: First, _ second: Second)
}

/// A member of a sorted set with its score.
public struct ScoredMember<Member: RESPDecodable>: PairDecodable {
    /// The member.
    public let member: Member
    /// Its score.
    public let score: Double

    /// A member with its score.
    @inlinable
    public init(_ member: Member, _ score: Double) {
        self.member = member
        self.score = score
    }
}

extension ScoredMember: Equatable where Member: Equatable {}
extension ScoredMember: Hashable where Member: Hashable {}

/// A field of a hash with its value.
public struct HashEntry<Field: RESPDecodable, Value: RESPDecodable>: PairDecodable {
    /// The field.
    public let field: Field
    /// Its value.
    public let value: Value

    /// A field with its value.
    @inlinable
    public init(_ field: Field, _ value: Value) {
        self.field = field
        self.value = value
    }
}

extension HashEntry: Equatable where Field: Equatable, Value: Equatable {}
extension HashEntry: Hashable where Field: Hashable, Value: Hashable {}

/// Pairs in the server's order, whichever way they came: as one flat array, a map, or an array of arrays of two.
///
/// RESP2 is flat throughout; RESP3 nests some replies, those of the SCAN family not among them.
public struct PairList<Element: PairDecodable>: RESPDecodable, RandomAccessCollection {
    @usableFromInline var elements: [Element] = []

    /// 0.
    @inlinable public var startIndex: Int { 0 }
    /// The number of pairs.
    @inlinable public var endIndex: Int { self.elements.count }

    /// The pair at an index.
    @inlinable
    public subscript(index: Int) -> Element { self.elements[index] }

    /// Reads the pairs.
    ///
    /// - Throws: `RESPError` with `unexpectedType` where a value stands alone or there are three.
    @inlinable
    public init(from reader: inout RESPReader) throws(RESPError) {
        var outer = try reader.readAggregate()
        self.elements.reserveCapacity(reader.reservation(for: outer) / 2)
        while try reader.hasNext(&outer) {
            guard try reader.nextType() == .array else {
                let first = try Element.First(from: &reader)
                guard try reader.hasNext(&outer) else { throw RESPError(.unexpectedType, "a value without its second") }
                self.elements.append(Element(first, try Element.Second(from: &reader)))
                continue
            }
            var inner = try reader.readAggregate()
            guard try reader.hasNext(&inner) else { throw RESPError(.unexpectedType, "an empty pair") }
            let first = try Element.First(from: &reader)
            guard try reader.hasNext(&inner) else { throw RESPError(.unexpectedType, "a value without its second") }
            self.elements.append(Element(first, try Element.Second(from: &reader)))
            if try reader.hasNext(&inner) { throw RESPError(.unexpectedType, "a pair of three") }
        }
    }
}

extension PairList: Equatable where Element: Equatable {}
extension PairList: Hashable where Element: Hashable {}

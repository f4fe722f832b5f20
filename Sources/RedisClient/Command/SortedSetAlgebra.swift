public import NIOCore
public import RESP

/// How ZUNION and ZINTER make one score of several.
public struct ScoreAggregate: Sendable, Hashable {
    @usableFromInline enum Kind: Sendable { case sum, minimum, maximum }
    @usableFromInline let kind: Kind

    /// Their sum; what the server does by default.
    public static var sum: ScoreAggregate { ScoreAggregate(kind: .sum) }
    /// The lowest of them.
    public static var minimum: ScoreAggregate { ScoreAggregate(kind: .minimum) }
    /// The highest of them.
    public static var maximum: ScoreAggregate { ScoreAggregate(kind: .maximum) }

    @usableFromInline var word: StaticString {
        switch self.kind {
        case .sum: "SUM"
        case .minimum: "MIN"
        case .maximum: "MAX"
        }
    }
}

/// `ZUNION count key … [WEIGHTS …] [AGGREGATE …]`: the members that any of the sets has, in the order of their scores.
///
/// - Parameters:
///   - keys: sorted sets, or sets, whose scores are 1.
///   - weights: by what each set's scores are multiplied: as many as keys; 1 by default.
///   - aggregate: how the scores of a member are made one.
///   - member: what members are decoded to.
/// - Returns: the command.
@inlinable
public func ZUNION<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil,
    as member: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "ZUNION", [Member].self, timeoutFactor: 8).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate))
}

/// As ``ZUNION(_:weights:aggregate:as:)``, with the scores (`WITHSCORES`).
@inlinable
public func ZUNION<Member: RESPDecodable>(
    withScores keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil,
    as member: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(reading: "ZUNION", PairList<ScoredMember<Member>>.self, timeoutFactor: 8).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate)).flag("WITHSCORES")
}

/// `ZINTER count key … [WEIGHTS …] [AGGREGATE …]`: the members that all the sets have, in the order of their scores.
///
/// - Parameters:
///   - keys: sorted sets, or sets, whose scores are 1.
///   - weights: by what each set's scores are multiplied: as many as keys; 1 by default.
///   - aggregate: how the scores of a member are made one.
///   - member: what members are decoded to.
/// - Returns: the command.
@inlinable
public func ZINTER<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil,
    as member: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "ZINTER", [Member].self, timeoutFactor: 8).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate))
}

/// As ``ZINTER(_:weights:aggregate:as:)``, with the scores (`WITHSCORES`).
@inlinable
public func ZINTER<Member: RESPDecodable>(
    withScores keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil,
    as member: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(reading: "ZINTER", PairList<ScoredMember<Member>>.self, timeoutFactor: 8).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate)).flag("WITHSCORES")
}

/// `ZDIFF count key …`: the members of the first set that no other has, in the order of their scores.
@inlinable
public func ZDIFF<Member: RESPDecodable>(
    _ keys: [some RESPArgument],
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "ZDIFF", [Member].self, timeoutFactor: 8).countedKeys(keys)
}

/// As ``ZDIFF(_:as:)``, with the scores (`WITHSCORES`).
@inlinable
public func ZDIFF<Member: RESPDecodable>(
    withScores keys: [some RESPArgument],
    as: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(reading: "ZDIFF", PairList<ScoredMember<Member>>.self, timeoutFactor: 8).countedKeys(keys)
        .flag("WITHSCORES")
}

/// `ZUNIONSTORE destination count key … [WEIGHTS …] [AGGREGATE …]`: stores what ``ZUNION(_:weights:aggregate:as:)``
/// gives, over whatever was there; how many members.
@inlinable
public func ZUNIONSTORE(
    _ destination: some RESPArgument,
    _ keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil
) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZUNIONSTORE", Int.self, timeoutFactor: 8).key(destination).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate))
}

/// `ZINTERSTORE destination count key … [WEIGHTS …] [AGGREGATE …]`: stores what ``ZINTER(_:weights:aggregate:as:)``
/// gives, over whatever was there; how many members.
@inlinable
public func ZINTERSTORE(
    _ destination: some RESPArgument,
    _ keys: [some RESPArgument],
    weights: [Double]? = nil,
    aggregate: ScoreAggregate? = nil
) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZINTERSTORE", Int.self, timeoutFactor: 8).key(destination).countedKeys(keys)
        .adding(AlgebraWords(weights, aggregate))
}

/// `ZDIFFSTORE destination count key …`: stores what ``ZDIFF(_:as:)`` gives, over whatever was there; how many members.
@inlinable
public func ZDIFFSTORE(_ destination: some RESPArgument, _ keys: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZDIFFSTORE", Int.self, timeoutFactor: 8).key(destination).countedKeys(keys)
}

/// The words for weights and aggregate, where given.
@usableFromInline
struct AlgebraWords: CommandWords {
    @usableFromInline let weights: [Double]?
    @usableFromInline let aggregate: ScoreAggregate?

    @inlinable
    init(_ weights: [Double]?, _ aggregate: ScoreAggregate?) {
        self.weights = weights
        self.aggregate = aggregate
    }

    @inlinable var count: Int {
        let words = if let weights { weights.count + 1 } else { 0 }
        return words + (self.aggregate == nil ? 0 : 2)
    }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        if let weights {
            buffer.writeWord("WEIGHTS")
            for weight in weights { weight.writeBulkString(into: &buffer) }
        }
        if let aggregate {
            buffer.writeWord("AGGREGATE")
            buffer.writeWord(aggregate.word)
        }
    }
}

/// Members with their scores, in ZADD's order: the score first.
@usableFromInline
struct ScoreWords<Members: Collection & Sendable, Member: RESPArgument>: CommandWords
where Members.Element == (key: Member, value: Double) {
    @usableFromInline let members: Members

    @inlinable
    init(_ members: Members) { self.members = members }

    @inlinable var count: Int { self.members.count * 2 }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        for (member, score) in self.members {
            score.writeBulkString(into: &buffer)
            member.writeBulkString(into: &buffer)
        }
    }
}

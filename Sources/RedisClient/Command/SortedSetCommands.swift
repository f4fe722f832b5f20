public import RESP

/// `ZADD key [NX|XX] [GT|LT] [CH] score member …`: adds members or changes their scores; how many were new.
///
/// - Parameters:
///   - key: the sorted set.
///   - members: the members, each with its score.
///   - condition: whether only new (`ifAbsent`) or only present members are touched; both by default.
///   - comparison: how a new score must compare with the present one; any by default. The server refuses it together
///     with `ifAbsent`.
///   - countsChanges: whether members with a changed score are counted too (`CH`).
/// - Returns: the command.
@inlinable
public func ZADD<Members: Collection & Sendable, Member: RESPArgument>(
    _ key: some RESPArgument,
    _ members: Members,
    condition: PresenceCondition? = nil,
    comparison: ScoreCondition? = nil,
    countsChanges: Bool = false
) -> some RedisCommand<Int> where Members.Element == (key: Member, value: Double) {
    TypedCommand(writing: "ZADD", Int.self).key(key).flag(condition?.word).flag(comparison?.word)
        .flag(countsChanges ? "CH" : nil).adding(ScoreWords(members))
}

/// `ZADD key [NX|XX] [GT|LT] INCR amount member`: adds to a member's score; the new score, or `nil` if a condition does
/// not hold.
///
/// - Parameters:
///   - key: the sorted set.
///   - member: the member; one that is not there begins at 0.
///   - amount: what is added.
///   - condition: whether only a new (`ifAbsent`) or only a present member is touched; both by default.
///   - comparison: how the new score must compare with the present one; any by default.
/// - Returns: the command.
@inlinable
public func ZADD(
    _ key: some RESPArgument,
    incrementing member: some RESPArgument,
    by amount: Double,
    condition: PresenceCondition? = nil,
    comparison: ScoreCondition? = nil
) -> some RedisCommand<Double?> {
    TypedCommand(writing: "ZADD", Double?.self).key(key).flag(condition?.word).flag(comparison?.word).flag("INCR")
        .word(amount).word(member)
}

/// `ZREM key member …`: removes members; how many there were.
@inlinable
public func ZREM(_ key: some RESPArgument, _ members: [some RESPArgument]) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZREM", Int.self).key(key).list(members)
}

/// `ZSCORE key member`: the score, or `nil` if there is no such member.
@inlinable
public func ZSCORE(_ key: some RESPArgument, _ member: some RESPArgument) -> some RedisCommand<Double?> {
    TypedCommand(reading: "ZSCORE", Double?.self).key(key).word(member)
}

/// `ZMSCORE key member …`: the scores in order, `nil` where there is no such member.
@inlinable
public func ZMSCORE(_ key: some RESPArgument, _ members: [some RESPArgument]) -> some RedisCommand<[Double?]> {
    TypedCommand(reading: "ZMSCORE", [Double?].self).key(key).list(members)
}

/// `ZINCRBY key amount member`: adds to a member's score, 0 if it is not there; the new score.
@inlinable
public func ZINCRBY(
    _ key: some RESPArgument,
    _ amount: Double,
    _ member: some RESPArgument
) -> some RedisCommand<Double> {
    TypedCommand(writing: "ZINCRBY", Double.self).key(key).word(amount).word(member)
}

/// `ZCARD key`: the number of members, 0 if there is no such key.
@inlinable
public func ZCARD(_ key: some RESPArgument) -> some RedisCommand<Int> {
    TypedCommand(reading: "ZCARD", Int.self).key(key)
}

/// `ZCOUNT key min max`: the number of members with scores between two ends.
@inlinable
public func ZCOUNT(
    _ key: some RESPArgument,
    from lower: ScoreBound = .lowest,
    to upper: ScoreBound = .highest
) -> some RedisCommand<Int> {
    TypedCommand(reading: "ZCOUNT", Int.self).key(key).word(lower).word(upper)
}

/// `ZRANK key member`: how many members come before it, or `nil` if it is not there.
@inlinable
public func ZRANK(_ key: some RESPArgument, _ member: some RESPArgument) -> some RedisCommand<Int?> {
    TypedCommand(reading: "ZRANK", Int?.self).key(key).word(member)
}

/// `ZREVRANK key member`: how many members come behind it, or `nil` if it is not there.
@inlinable
public func ZREVRANK(_ key: some RESPArgument, _ member: some RESPArgument) -> some RedisCommand<Int?> {
    TypedCommand(reading: "ZREVRANK", Int?.self).key(key).word(member)
}

/// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count]`: the members of a part, in order.
@inlinable
public func ZRANGE<Member: RESPDecodable>(
    _ key: some RESPArgument,
    _ range: SortedSetRange,
    as: Member.Type = String.self
) -> some RedisCommand<[Member]> {
    TypedCommand(reading: "ZRANGE", [Member].self).key(key).adding(RangeWords(range))
}

/// `ZRANGE key start stop [BYSCORE] [REV] [LIMIT offset count] WITHSCORES`: the members of a part with their scores, in
/// order.
///
/// The server refuses ``SortedSetRange/members(from:to:)``.
@inlinable
public func ZRANGE<Member: RESPDecodable>(
    _ key: some RESPArgument,
    withScores range: SortedSetRange,
    as: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(reading: "ZRANGE", PairList<ScoredMember<Member>>.self).key(key).adding(RangeWords(range))
        .flag("WITHSCORES")
}

/// `ZRANGESTORE destination source start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count]`: stores a part with its
/// scores, over whatever was there; how many members.
@inlinable
public func ZRANGESTORE(
    _ destination: some RESPArgument,
    _ source: some RESPArgument,
    _ range: SortedSetRange
) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZRANGESTORE", Int.self, timeoutFactor: 8).key(destination).key(source)
        .adding(RangeWords(range))
}

/// `ZREMRANGEBYSCORE key min max`: removes members with scores between two ends; how many.
@inlinable
public func ZREMRANGEBYSCORE(
    _ key: some RESPArgument,
    from lower: ScoreBound = .lowest,
    to upper: ScoreBound = .highest
) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZREMRANGEBYSCORE", Int.self).key(key).word(lower).word(upper)
}

/// `ZREMRANGEBYRANK key start stop`: removes members by rank, both ends included; how many.
@inlinable
public func ZREMRANGEBYRANK(_ key: some RESPArgument, _ start: Int, _ stop: Int) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZREMRANGEBYRANK", Int.self).key(key).word(start).word(stop)
}

/// `ZREMRANGEBYLEX key min max`: removes members between two ends, where all scores are equal; how many.
@inlinable
public func ZREMRANGEBYLEX(
    _ key: some RESPArgument,
    from lower: MemberBound = .lowest,
    to upper: MemberBound = .highest
) -> some RedisCommand<Int> {
    TypedCommand(writing: "ZREMRANGEBYLEX", Int.self).key(key).word(lower).word(upper)
}

/// `ZPOPMIN key count`: takes out the members with the lowest scores, `count` at most; empty if there is none.
@inlinable
public func ZPOPMIN<Member: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int = 1,
    as: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(writing: "ZPOPMIN", PairList<ScoredMember<Member>>.self).key(key).word(count)
}

/// `ZPOPMAX key count`: takes out the members with the highest scores, the highest first, `count` at most; empty if
/// there is none.
@inlinable
public func ZPOPMAX<Member: RESPDecodable>(
    _ key: some RESPArgument,
    count: Int = 1,
    as: Member.Type = String.self
) -> some RedisCommand<PairList<ScoredMember<Member>>> {
    TypedCommand(writing: "ZPOPMAX", PairList<ScoredMember<Member>>.self).key(key).word(count)
}

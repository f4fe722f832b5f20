public import NIOCore
public import RESP

/// One end of a range of scores.
public struct ScoreBound: RESPArgument, Hashable {
    @usableFromInline let score: Double
    @usableFromInline let isExcluded: Bool

    /// This score and all on its inner side.
    public static func including(_ score: Double) -> ScoreBound { ScoreBound(score: score, isExcluded: false) }
    /// All on its inner side, without this score.
    public static func excluding(_ score: Double) -> ScoreBound { ScoreBound(score: score, isExcluded: true) }
    /// No lower end.
    public static var lowest: ScoreBound { .including(-.infinity) }
    /// No upper end.
    public static var highest: ScoreBound { .including(.infinity) }

    /// Appends the score, behind a parenthesis where it is excluded.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) {
        if self.isExcluded {
            "(\(self.score)".writeBulkString(into: &buffer)
        } else {
            self.score.writeBulkString(into: &buffer)
        }
    }
}

/// One end of a range of members of equal scores, in the order of their bytes.
public struct MemberBound: RESPArgument, Hashable {
    @usableFromInline let bytes: ByteBuffer

    /// This member and all on its inner side.
    public static func including(_ member: String) -> MemberBound { MemberBound(text: "[" + member) }
    /// All on its inner side, without this member.
    public static func excluding(_ member: String) -> MemberBound { MemberBound(text: "(" + member) }

    /// This member and all on its inner side.
    public static func including(_ member: ByteBuffer) -> MemberBound { MemberBound(mark: "[", member) }
    /// All on its inner side, without this member.
    public static func excluding(_ member: ByteBuffer) -> MemberBound { MemberBound(mark: "(", member) }

    /// No lower end.
    public static var lowest: MemberBound { MemberBound(text: "-") }
    /// No upper end.
    public static var highest: MemberBound { MemberBound(text: "+") }

    private init(text: String) { self.bytes = ByteBuffer(string: text) }

    private init(mark: String, _ member: ByteBuffer) {
        var bytes = ByteBuffer(string: mark)
        bytes.writeImmutableBuffer(member)
        self.bytes = bytes
    }

    /// Appends the member behind its mark.
    @inlinable
    public func writeBulkString(into buffer: inout ByteBuffer) { self.bytes.writeBulkString(into: &buffer) }
}

/// A part of a sorted set, in the order of scores or the reverse of it.
public struct SortedSetRange: Sendable, Hashable {
    @usableFromInline enum Ends: Sendable, Hashable {
        case ranks(Int, Int)
        case scores(ScoreBound, ScoreBound)
        case members(MemberBound, MemberBound)
    }

    @usableFromInline let ends: Ends
    @usableFromInline var isReversed = false
    @usableFromInline var offset = 0
    @usableFromInline var limit: Int?

    /// From one rank to another, both included; negative ones count from the end.
    ///
    /// In reverse, ranks count from the highest score.
    public static func ranks(_ start: Int, _ stop: Int) -> SortedSetRange { SortedSetRange(ends: .ranks(start, stop)) }

    /// The members with scores between two ends (`BYSCORE`).
    public static func scores(
        from lower: ScoreBound = .lowest,
        to upper: ScoreBound = .highest
    ) -> SortedSetRange {
        SortedSetRange(ends: .scores(lower, upper))
    }

    /// The members between two ends (`BYLEX`); only where all scores are equal.
    public static func members(
        from lower: MemberBound = .lowest,
        to upper: MemberBound = .highest
    ) -> SortedSetRange {
        SortedSetRange(ends: .members(lower, upper))
    }

    /// The same part from its upper end to its lower one (`REV`).
    public var reversed: SortedSetRange {
        var range = self
        range.isReversed.toggle()
        return range
    }

    /// The first `count` members of the part behind the first `offset` (`LIMIT`); all if `count` is negative.
    ///
    /// The server refuses it for ranks.
    public func limited(to count: Int, offset: Int = 0) -> SortedSetRange {
        var range = self
        range.limit = count
        range.offset = offset
        return range
    }
}

/// The words of a range: its ends, then the options.
@usableFromInline
struct RangeWords: CommandWords {
    @usableFromInline let range: SortedSetRange

    @inlinable
    init(_ range: SortedSetRange) { self.range = range }

    @inlinable var count: Int {
        let byWord = if case .ranks = self.range.ends { 0 } else { 1 }
        return 2 + byWord + (self.range.isReversed ? 1 : 0) + (self.range.limit == nil ? 0 : 3)
    }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        switch self.range.ends {
        case .ranks(let start, let stop):
            start.writeBulkString(into: &buffer)
            stop.writeBulkString(into: &buffer)
        case .scores(let lower, let upper):
            self.write(lower, upper, into: &buffer)
            buffer.writeWord("BYSCORE")
        case .members(let lower, let upper):
            self.write(lower, upper, into: &buffer)
            buffer.writeWord("BYLEX")
        }
        if self.range.isReversed { buffer.writeWord("REV") }
        guard let limit = self.range.limit else { return }
        buffer.writeWord("LIMIT")
        self.range.offset.writeBulkString(into: &buffer)
        limit.writeBulkString(into: &buffer)
    }

    /// In reverse the server wants the upper end first.
    @inlinable
    func write(_ lower: some RESPArgument, _ upper: some RESPArgument, into buffer: inout ByteBuffer) {
        if self.range.isReversed { upper.writeBulkString(into: &buffer) }
        lower.writeBulkString(into: &buffer)
        if !self.range.isReversed { upper.writeBulkString(into: &buffer) }
    }
}

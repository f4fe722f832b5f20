/// Whether something may or must be there already for a write to happen.
public struct PresenceCondition: Sendable, Hashable {
    @usableFromInline let mustBePresent: Bool

    /// Only if there is nothing yet (`NX`).
    public static var ifAbsent: PresenceCondition { PresenceCondition(mustBePresent: false) }
    /// Only if there is something already (`XX`).
    public static var ifPresent: PresenceCondition { PresenceCondition(mustBePresent: true) }

    @inlinable var word: StaticString { self.mustBePresent ? "XX" : "NX" }
    /// The form HSETEX has.
    @inlinable var fieldWord: StaticString { self.mustBePresent ? "FXX" : "FNX" }
}

/// What the present time to live must be for EXPIRE and its like to change it.
public struct ExpiryCondition: Sendable, Hashable {
    @usableFromInline enum Kind: Sendable { case none, any, later, earlier }
    @usableFromInline let kind: Kind

    /// Only if there is none (`NX`).
    public static var ifNone: ExpiryCondition { ExpiryCondition(kind: .none) }
    /// Only if there is one (`XX`).
    public static var ifAny: ExpiryCondition { ExpiryCondition(kind: .any) }
    /// Only if the new end is later (`GT`); none counts as the latest of all.
    public static var ifLater: ExpiryCondition { ExpiryCondition(kind: .later) }
    /// Only if the new end is earlier (`LT`); none counts as the latest of all.
    public static var ifEarlier: ExpiryCondition { ExpiryCondition(kind: .earlier) }

    @usableFromInline var word: StaticString {
        switch self.kind {
        case .none: "NX"
        case .any: "XX"
        case .later: "GT"
        case .earlier: "LT"
        }
    }
}

/// How the new score must compare with a member's present one for ZADD to change it.
public struct ScoreCondition: Sendable, Hashable {
    @usableFromInline let mustBeGreater: Bool

    /// Only to a greater score (`GT`); new members are added all the same.
    public static var ifGreater: ScoreCondition { ScoreCondition(mustBeGreater: true) }
    /// Only to a lower score (`LT`); new members are added all the same.
    public static var ifLess: ScoreCondition { ScoreCondition(mustBeGreater: false) }

    @inlinable var word: StaticString { self.mustBeGreater ? "GT" : "LT" }
}

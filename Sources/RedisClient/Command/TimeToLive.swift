public import RESP

/// What is left of the life of a key or field.
///
/// The unit is the one the server answers in; ``TTL(_:)`` gives seconds, ``PTTL(_:)`` and ``HPTTL(_:_:)`` milliseconds.
public enum TimeToLive<Unit: TimeUnit>: RESPDecodable, Hashable {
    /// There is no such key or field.
    case missing
    /// It has no end.
    case unlimited
    /// It ends after this time.
    case remaining(Duration)

    /// Reads `-2`, `-1` or a count of the unit.
    ///
    /// - Throws: `RESPError` with `unexpectedType` for any other negative number.
    public init(from reader: inout RESPReader) throws(RESPError) {
        let number = try reader.readInteger()
        switch number {
        case -2: self = .missing
        case -1: self = .unlimited
        case 0...: self = .remaining(Unit.duration(number))
        default: throw RESPError(.unexpectedType, "a negative time to live")
        }
    }
}

/// A unit in which a server counts time.
public protocol TimeUnit: Sendable {
    /// So many of the unit.
    static func duration(_ count: Int64) -> Duration
}

/// The unit of TTL and OBJECT IDLETIME.
public enum Seconds: TimeUnit {
    /// So many seconds.
    public static func duration(_ count: Int64) -> Duration { .seconds(count) }
}

/// The unit of PTTL and HPTTL.
public enum Milliseconds: TimeUnit {
    /// So many milliseconds.
    public static func duration(_ count: Int64) -> Duration { .milliseconds(count) }
}

/// For how long nobody has read or written a key.
public struct IdleTime: RESPDecodable, Hashable {
    /// To the second, and no more exact than the server's clock for evictions.
    public let duration: Duration

    /// Reads a count of seconds.
    public init(from reader: inout RESPReader) throws(RESPError) { self.duration = .seconds(try reader.readInteger()) }
}

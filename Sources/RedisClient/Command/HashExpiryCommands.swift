public import RESP

// Fields with a time to live of their own: Redis 7.4 (HSETEX, HGETEX, HGETDEL: 8.0), Valkey 9.0 (HGETDEL: 9.1). Older
// servers answer `ERR unknown command`.

/// What HEXPIRE and HPEXPIRE did to a field.
public enum FieldExpiryOutcome: Int64, RESPDecodable {
    /// There is no such key or field.
    case missing = -2
    /// The condition does not hold.
    case unchanged = 0
    /// The field ends as asked.
    case changed = 1
    /// The field was deleted at once: the time was zero.
    case deleted = 2

    /// Reads the number the server has for it.
    public init(from reader: inout RESPReader) throws(RESPError) {
        guard let outcome = Self(rawValue: try reader.readInteger()) else {
            throw RESPError(.unexpectedType, "an unknown number for a field's outcome")
        }
        self = outcome
    }
}

/// What HPERSIST did to a field.
public enum FieldPersistOutcome: Int64, RESPDecodable {
    /// There is no such key or field.
    case missing = -2
    /// The field had no end.
    case unlimited = -1
    /// The field ends no more.
    case persisted = 1

    /// Reads the number the server has for it.
    public init(from reader: inout RESPReader) throws(RESPError) {
        guard let outcome = Self(rawValue: try reader.readInteger()) else {
            throw RESPError(.unexpectedType, "an unknown number for a field's outcome")
        }
        self = outcome
    }
}

/// `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS count field …`: ends fields after a time in whole seconds, rounded up;
/// what happened to each.
///
/// Zero deletes at once; the server refuses less.
@inlinable
public func HEXPIRE(
    _ key: some RESPArgument,
    _ duration: Duration,
    _ fields: [some RESPArgument],
    condition: ExpiryCondition? = nil
) -> some RedisCommand<[FieldExpiryOutcome]> {
    TypedCommand(writing: "HEXPIRE", [FieldExpiryOutcome].self).key(key).word(duration.wholeSeconds)
        .flag(condition?.word).flag("FIELDS").countedList(fields)
}

/// `HPEXPIRE key milliseconds [NX|XX|GT|LT] FIELDS count field …`: ends fields after a time in whole milliseconds,
/// rounded up; what happened to each.
///
/// Zero deletes at once; the server refuses less.
@inlinable
public func HPEXPIRE(
    _ key: some RESPArgument,
    _ duration: Duration,
    _ fields: [some RESPArgument],
    condition: ExpiryCondition? = nil
) -> some RedisCommand<[FieldExpiryOutcome]> {
    TypedCommand(writing: "HPEXPIRE", [FieldExpiryOutcome].self).key(key).word(duration.wholeMilliseconds)
        .flag(condition?.word).flag("FIELDS").countedList(fields)
}

/// `HPTTL key FIELDS count field …`: what is left of each field's life, in milliseconds.
@inlinable
public func HPTTL(
    _ key: some RESPArgument,
    _ fields: [some RESPArgument]
) -> some RedisCommand<[TimeToLive<Milliseconds>]> {
    TypedCommand(reading: "HPTTL", [TimeToLive<Milliseconds>].self).key(key).flag("FIELDS").countedList(fields)
}

/// `HPERSIST key FIELDS count field …`: takes the fields' ends away; what happened to each.
@inlinable
public func HPERSIST(
    _ key: some RESPArgument,
    _ fields: [some RESPArgument]
) -> some RedisCommand<[FieldPersistOutcome]> {
    TypedCommand(writing: "HPERSIST", [FieldPersistOutcome].self).key(key).flag("FIELDS").countedList(fields)
}

/// `HSETEX key [FNX|FXX] [PX …|PXAT …|KEEPTTL] FIELDS count field value …`: stores all the fields or none; whether it
/// did.
///
/// - Parameters:
///   - key: the hash.
///   - fields: what to store.
///   - expiry: when the fields end; never by default.
///   - condition: what must hold for each of the fields; nothing by default.
/// - Returns: the command.
@inlinable
public func HSETEX<Fields: Collection & Sendable, Field: RESPArgument, Value: RESPArgument>(
    _ key: some RESPArgument,
    _ fields: Fields,
    expiry: SetExpiry? = nil,
    condition: PresenceCondition? = nil
) -> some RedisCommand<Bool> where Fields.Element == (key: Field, value: Value) {
    TypedCommand(writing: "HSETEX", Bool.self).key(key).flag(condition?.fieldWord)
        .adding(expiry?.words ?? ExpiryWords(.none)).flag("FIELDS").word(fields.count).pairs(fields)
}

/// `HGETEX key PX|PXAT|PERSIST … FIELDS count field …`: the values in order, `nil` where there is none; their time to
/// live is changed.
@inlinable
public func HGETEX<Value: RESPDecodable>(
    _ key: some RESPArgument,
    _ fields: [some RESPArgument],
    expiry: GetExpiry,
    as: Value.Type = String.self
) -> some RedisCommand<[Value?]> {
    TypedCommand(writing: "HGETEX", [Value?].self).key(key).adding(expiry.words).flag("FIELDS").countedList(fields)
}

/// `HGETDEL key FIELDS count field …`: the values in order, `nil` where there is none; the fields are gone then.
@inlinable
public func HGETDEL<Value: RESPDecodable>(
    _ key: some RESPArgument,
    _ fields: [some RESPArgument],
    as: Value.Type = String.self
) -> some RedisCommand<[Value?]> {
    TypedCommand(writing: "HGETDEL", [Value?].self).key(key).flag("FIELDS").countedList(fields)
}

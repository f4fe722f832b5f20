public import NIOCore
public import RESP

/// `SET key value [NX|XX] [GET] [PX …|PXAT …|KEEPTTL]`: stores a string, whatever was there before.
///
/// `Response` follows from the initializer: `OK`; `OK` or `nil` with a condition; the previous value with `returning:`.
public struct SET<Key: RESPArgument, Value: RESPArgument, Response: RESPDecodable>: RedisCommand {
    @usableFromInline let key: Key
    @usableFromInline let value: Value
    @usableFromInline let expiry: ExpiryWords
    @usableFromInline let condition: PresenceCondition?
    @usableFromInline let returnsPrevious: Bool

    @inlinable
    init(
        _ key: Key,
        _ value: Value,
        expiry: ExpiryWords,
        condition: PresenceCondition? = nil,
        returnsPrevious: Bool = false
    ) {
        self.key = key
        self.value = value
        self.expiry = expiry
        self.condition = condition
        self.returnsPrevious = returnsPrevious
    }

    /// Appends the command.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        if self.condition != nil || self.returnsPrevious {
            let count = 3 + self.expiry.count + (self.condition == nil ? 0 : 1) + (self.returnsPrevious ? 1 : 0)
            buffer.writeCommandHeader(count: count)
            buffer.writeWire("$3\r\nSET\r\n")
        } else {
            switch self.expiry.count {
            case 0: buffer.writeWire("*3\r\n$3\r\nSET\r\n")
            case 1: buffer.writeWire("*4\r\n$3\r\nSET\r\n")
            default: buffer.writeWire("*5\r\n$3\r\nSET\r\n")
            }
        }
        self.key.writeBulkString(into: &buffer)
        self.value.writeBulkString(into: &buffer)
        if let condition { buffer.writeWord(condition.word) }
        if self.returnsPrevious { buffer.writeWord("GET") }
        self.expiry.write(into: &buffer)
    }

    /// Names the key.
    @inlinable
    public func addKeys(to keys: inout CommandKeys) { keys.add(self.key) }
}

extension SET where Response == String {
    /// Stores `value`, for `milliseconds` or without end; always `OK`.
    @inlinable
    public init(_ key: Key, _ value: Value, milliseconds: Int? = nil) {
        self.init(key, value, expiry: milliseconds.map { ExpiryWords(.px, $0) } ?? ExpiryWords(.none))
    }

    /// Stores `value` until `expiry`; always `OK`.
    @inlinable
    public init(_ key: Key, _ value: Value, expiry: SetExpiry) {
        self.init(key, value, expiry: expiry.words)
    }
}

extension SET where Response == String? {
    /// Stores `value` if `condition` holds: `OK`, or `nil` if it does not.
    @inlinable
    public init(_ key: Key, _ value: Value, expiry: SetExpiry? = nil, condition: PresenceCondition) {
        self.init(key, value, expiry: expiry?.words ?? ExpiryWords(.none), condition: condition)
    }
}

extension SET {
    /// Stores `value`, if `condition` holds, and gives what was there before (`GET`); `nil` if nothing was.
    ///
    /// With `ifAbsent`, `nil` means stored; with `ifPresent`, `nil` means not stored.
    ///
    /// - Parameters:
    ///   - key: where to store.
    ///   - value: what to store.
    ///   - expiry: when it ends; never by default.
    ///   - condition: when to store at all; always by default.
    ///   - previous: what the previous value is decoded to.
    @inlinable
    public init<Previous: RESPDecodable>(
        _ key: Key,
        _ value: Value,
        expiry: SetExpiry? = nil,
        condition: PresenceCondition? = nil,
        returning previous: Previous.Type
    ) where Response == Previous? {
        self.init(
            key,
            value,
            expiry: expiry?.words ?? ExpiryWords(.none),
            condition: condition,
            returnsPrevious: true
        )
    }
}

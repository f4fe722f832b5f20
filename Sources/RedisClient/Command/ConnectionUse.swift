import Synchronization

/// What a command does to the connection it goes over, which other callers may share.
public enum ConnectionUse: Sendable, Hashable {
    /// Nothing: one command, one reply.
    case shared
    /// It begins a transaction (MULTI): within one pipeline that also ends it, or on an exclusive connection.
    case beginsTransaction
    /// It ends a transaction (EXEC, DISCARD).
    case endsTransaction
    /// It keeps the connection waiting (BLPOP …), for at most this long, or without end: goes over an exclusive
    /// connection by itself.
    ///
    /// The time is added to the command's time-out.
    case blocking(upTo: Duration?)
    /// It changes the connection for what follows (SELECT, WATCH, AUTH, CLIENT SETNAME …), or speaks of what this connection
    /// has sent before (WAIT): only on an exclusive connection, which is closed afterwards.
    case exclusive
    /// Its replies do not follow the order of commands, or never come (SUBSCRIBE, MONITOR, CLIENT REPLY …): refused.
    case unsupported
}

extension ConnectionUse {
    /// Reads from encoded commands what they do to the connection, whatever their types say: a type that declares the wrong
    /// use must not shift other callers' replies, or change the connection for them.
    ///
    /// `nil` if the bytes are not exactly `count` commands.
    ///
    /// - Parameters:
    ///   - bytes: the commands, back to back.
    ///   - count: how many they should be.
    init?(of bytes: Span<UInt8>, count: Int) {
        var place = 0
        var isInTransaction = false
        var whole = ConnectionUse.shared
        for _ in 0..<count {
            guard let words = Self.number(after: UInt8(ascii: "*"), in: bytes, &place), words > 0 else { return nil }
            var use = ConnectionUse.shared
            var name = CommandName.plain
            for word in 0..<words {
                guard let length = Self.number(after: UInt8(ascii: "$"), in: bytes, &place),
                    length <= bytes.count - place - 2
                else { return nil }
                let end = place + length
                guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else { return nil }
                if word == 0 {
                    name = length < 4 ? .plain : CommandName(bytes, place..<end)
                    use = name.use
                } else if name.needsWords {
                    name.note(word, of: words, bytes, place..<end, &use)
                }
                place = end + 2
            }
            switch use {
            case .shared: break
            case .beginsTransaction where count > 1 && !isInTransaction: isInTransaction = true
            case .endsTransaction where isInTransaction: isInTransaction = false
            default: if use.strictness > whole.strictness { whole = use }
            }
        }
        guard place == bytes.count else { return nil }
        self = isInTransaction && whole == .shared ? .beginsTransaction : whole
    }

    /// Of several uses in one pipeline the strictest counts.
    private var strictness: Int {
        switch self {
        case .shared: 0
        case .blocking: 1
        case .beginsTransaction, .endsTransaction: 2
        case .exclusive: 3
        case .unsupported: 4
        }
    }

    /// The number in a line that begins with a certain byte, and the place after the line.
    @inline(__always)
    private static func number(after type: UInt8, in bytes: Span<UInt8>, _ place: inout Int) -> Int? {
        guard place < bytes.count, bytes[place] == type else { return nil }
        place += 1
        var number = 0
        let start = place
        while place < bytes.count, case let digit = bytes[place] &- UInt8(ascii: "0"), digit < 10 {
            number = number * 10 + Int(digit)
            place += 1
            // More than any command has.
            if place - start > 10 { return nil }
        }
        guard place > start, place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\r"),
            bytes[place + 1] == UInt8(ascii: "\n")
        else { return nil }
        place += 2
        return number
    }
}

/// The check that commands pass before they are sent.
enum ConnectionCheck: Sendable {
    /// No check: the client has made the commands itself.
    case none
    /// Other callers share the connection.
    case shared
    /// One caller holds the connection, and notes here that a command changes it.
    case exclusive(changes: ConnectionChanges)

    /// The reason for which commands must not be sent; `nil` if they may be.
    func refusal(of bytes: Span<UInt8>, count: Int) -> RedisError? {
        if case .none = self { return nil }
        guard let use = ConnectionUse(of: bytes, count: count) else {
            return RedisError(.exclusiveCommand, "what the command's type has encoded is not \(count) whole commands")
        }
        switch (use, self) {
        case (.shared, _), (.blocking, .exclusive): return nil
        case (.unsupported, _): return .unsupported
        case (.blocking, _):
            return RedisError(.exclusiveCommand, "a command that blocks must say so by its connectionUse")
        case (_, .exclusive(let changes)):
            changes.note()
            return nil
        case (_, _): return .exclusive
        }
    }
}

/// Whether commands have changed a connection, so that the next caller would notice.
final class ConnectionChanges: Sendable {
    private let hasAny = Atomic<Bool>(false)

    var isEmpty: Bool { !self.hasAny.load(ordering: .relaxed) }

    func note() { self.hasAny.store(true, ordering: .relaxed) }
}

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
            guard let words = Self.number(after: UInt8(ascii: "*"), in: bytes, &place), words > 0,
                let first = Self.word(in: bytes, &place)
            else { return nil }
            let name = first.count < 4 ? CommandName.plain : CommandName(bytes, first)
            if name == .plain {
                // Almost all: nothing but their form matters.
                for _ in 1..<words { guard Self.word(in: bytes, &place) != nil else { return nil } }
                continue
            }
            guard let use = Self.use(of: name, words, in: bytes, &place) else { return nil }
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

    /// The use of a command whose later words may matter, from behind its name on.
    private static func use(
        of name: CommandName,
        _ words: Int,
        in bytes: Span<UInt8>,
        _ place: inout Int
    ) -> ConnectionUse? {
        var name = name
        var use = name.use
        for index in 1..<words {
            guard let word = Self.word(in: bytes, &place) else { return nil }
            if name.needsWords { name.note(index, of: words, bytes, word, &use) }
        }
        return use
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

    /// The range of a bulk string's content; `place` moves to the end of the bulk string.
    @inline(__always)
    private static func word(in bytes: Span<UInt8>, _ place: inout Int) -> Range<Int>? {
        guard let length = Self.number(after: UInt8(ascii: "$"), in: bytes, &place) else { return nil }
        // Neither overflows: a number has ten digits at most.
        let (start, end) = (place, place &+ length)
        guard end &+ 2 <= bytes.count, bytes[end] == UInt8(ascii: "\r"), bytes[end &+ 1] == UInt8(ascii: "\n") else {
            return nil
        }
        place = end &+ 2
        return start..<end
    }

    /// The number in a line that begins with `type`; `place` moves to the end of the line.
    @inline(__always)
    private static func number(after type: UInt8, in bytes: Span<UInt8>, _ place: inout Int) -> Int? {
        // The shortest line has four bytes.
        guard bytes.count &- place >= 4, bytes[place] == type else { return nil }
        var next = place &+ 1
        // More digits than any command has.
        let last = min(bytes.count &- 2, next &+ 10)
        var number = 0
        while next < last, case let digit = bytes[next] &- UInt8(ascii: "0"), digit < 10 {
            number = number &* 10 &+ Int(digit)
            next &+= 1
        }
        guard next > place &+ 1, bytes[next] == UInt8(ascii: "\r"), bytes[next &+ 1] == UInt8(ascii: "\n") else {
            return nil
        }
        place = next &+ 2
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

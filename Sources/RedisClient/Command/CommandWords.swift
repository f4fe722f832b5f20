public import NIOCore
public import RESP

/// Any number of a command's words.
@usableFromInline
protocol CommandWords: Sendable {
    /// How many bulk strings ``write(into:)`` appends.
    var count: Int { get }
    func write(into buffer: inout ByteBuffer)
    /// Names those of the words that are keys; none by default.
    func addKeys(to keys: inout CommandKeys)
}

extension CommandWords {
    @inlinable
    func addKeys(to keys: inout CommandKeys) {}
}

@usableFromInline
struct NoWords: CommandWords {
    @inlinable
    init() {}

    @inlinable var count: Int { 0 }

    @inlinable
    func write(into buffer: inout ByteBuffer) {}
}

@usableFromInline
struct JoinedWords<First: CommandWords, Second: CommandWords>: CommandWords {
    @usableFromInline let first: First
    @usableFromInline let second: Second

    @inlinable
    init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
    }

    @inlinable var count: Int { self.first.count + self.second.count }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        self.first.write(into: &buffer)
        self.second.write(into: &buffer)
    }

    @inlinable
    func addKeys(to keys: inout CommandKeys) {
        self.first.addKeys(to: &keys)
        self.second.addKeys(to: &keys)
    }
}

@usableFromInline
struct OneWord<Argument: RESPArgument>: CommandWords {
    @usableFromInline let argument: Argument

    @inlinable
    init(_ argument: Argument) { self.argument = argument }

    @inlinable var count: Int { 1 }

    @inlinable
    func write(into buffer: inout ByteBuffer) { self.argument.writeBulkString(into: &buffer) }
}

@usableFromInline
struct FixedWord: CommandWords {
    @usableFromInline let word: StaticString?

    @inlinable
    init(_ word: StaticString?) { self.word = word }

    @inlinable var count: Int { self.word == nil ? 0 : 1 }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        if let word { buffer.writeWord(word) }
    }
}

@usableFromInline
struct OptionWords<Argument: RESPArgument>: CommandWords {
    @usableFromInline let word: StaticString
    @usableFromInline let argument: Argument?

    @inlinable
    init(_ word: StaticString, _ argument: Argument?) {
        self.word = word
        self.argument = argument
    }

    @inlinable var count: Int { self.argument == nil ? 0 : 2 }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        guard let argument else { return }
        buffer.writeWord(self.word)
        argument.writeBulkString(into: &buffer)
    }
}

@usableFromInline
struct ListWords<Argument: RESPArgument>: CommandWords {
    @usableFromInline let arguments: [Argument]

    @inlinable
    init(_ arguments: [Argument]) { self.arguments = arguments }

    @inlinable var count: Int { self.arguments.count }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        // Beyond every limit: refused as a whole, before the buffer is full.
        for argument in self.arguments where buffer.readableBytes < 1 << 31 { argument.writeBulkString(into: &buffer) }
    }
}

@usableFromInline
struct PairWords<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>: CommandWords
where Pairs.Element == (key: Key, value: Value) {
    @usableFromInline let pairs: Pairs

    @inlinable
    init(_ pairs: Pairs) { self.pairs = pairs }

    @inlinable var count: Int { self.pairs.count * 2 }

    @inlinable
    func write(into buffer: inout ByteBuffer) {
        for (key, value) in self.pairs where buffer.readableBytes < 1 << 31 {
            key.writeBulkString(into: &buffer)
            value.writeBulkString(into: &buffer)
        }
    }
}

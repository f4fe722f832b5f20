public import NIOCore
public import RESP

/// A command put together from its name and its words: what the functions named as the server's commands return.
///
/// Nothing is encoded before ``encode(into:)``: the words are kept as they were given, nested in the type, and written
/// one after another.
@usableFromInline
struct TypedCommand<Response: RESPDecodable, Words: CommandWords>: RedisCommand, CustomStringConvertible {
    @usableFromInline let name: StaticString
    @usableFromInline let words: Words
    @usableFromInline let isIdempotent: Bool
    @usableFromInline let timeoutFactor: Int

    @inlinable
    init(name: StaticString, words: Words, isIdempotent: Bool, timeoutFactor: Int) {
        self.name = name
        self.words = words
        self.isIdempotent = isIdempotent
        self.timeoutFactor = timeoutFactor
    }

    /// The name only: words may be secret.
    @usableFromInline var description: String { "\(self.name)" }

    @inlinable
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.words.count + 1)
        buffer.writeWord(self.name)
        self.words.write(into: &buffer)
    }

    /// What only reads may be repeated, and what may be repeated only reads.
    @inlinable var isReadOnly: Bool { self.isIdempotent }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { self.words.addKeys(to: &keys) }

    @inlinable
    func adding<Next: CommandWords>(_ next: Next) -> TypedCommand<Response, JoinedWords<Words, Next>> {
        TypedCommand<Response, JoinedWords<Words, Next>>(
            name: self.name,
            words: JoinedWords(self.words, next),
            isIdempotent: self.isIdempotent,
            timeoutFactor: self.timeoutFactor
        )
    }
}

extension TypedCommand where Words == NoWords {
    /// The start of a command that changes nothing: it may be repeated.
    @inlinable
    init(reading name: StaticString, _: Response.Type, timeoutFactor: Int = 1) {
        self.init(name: name, words: NoWords(), isIdempotent: true, timeoutFactor: timeoutFactor)
    }

    /// The start of a command that changes something: a repetition could undo what others did in between.
    @inlinable
    init(writing name: StaticString, _: Response.Type, timeoutFactor: Int = 1) {
        self.init(name: name, words: NoWords(), isIdempotent: false, timeoutFactor: timeoutFactor)
    }
}

extension TypedCommand {
    /// One more word.
    @inlinable
    func word<Argument: RESPArgument>(
        _ argument: Argument
    ) -> TypedCommand<Response, JoinedWords<Words, OneWord<Argument>>> {
        self.adding(OneWord(argument))
    }

    /// A fixed word, or none.
    @inlinable
    func flag(_ word: StaticString?) -> TypedCommand<Response, JoinedWords<Words, FixedWord>> {
        self.adding(FixedWord(word))
    }

    /// A fixed word and an argument, or neither.
    @inlinable
    func option<Argument: RESPArgument>(
        _ word: StaticString,
        _ argument: Argument?
    ) -> TypedCommand<Response, JoinedWords<Words, OptionWords<Argument>>> {
        self.adding(OptionWords(word, argument))
    }

    /// Any number of words.
    @inlinable
    func list<Argument: RESPArgument>(
        _ arguments: [Argument]
    ) -> TypedCommand<Response, JoinedWords<Words, ListWords<Argument>>> {
        self.adding(ListWords(arguments))
    }

    /// The number of words, then the words.
    @inlinable
    func countedList<Argument: RESPArgument>(
        _ arguments: [Argument]
    ) -> TypedCommand<Response, JoinedWords<JoinedWords<Words, OneWord<Int>>, ListWords<Argument>>> {
        self.word(arguments.count).list(arguments)
    }

    /// Two words for each pair.
    @inlinable
    func pairs<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>(
        _ pairs: Pairs
    ) -> TypedCommand<Response, JoinedWords<Words, PairWords<Pairs, Key, Value>>>
    where Pairs.Element == (key: Key, value: Value) {
        self.adding(PairWords(pairs))
    }
}

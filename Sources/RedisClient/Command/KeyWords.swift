public import NIOCore
public import RESP

/// One word that is a key.
@usableFromInline
struct KeyWord<Key: RESPArgument>: CommandWords {
    @usableFromInline let word: OneWord<Key>

    @inlinable
    init(_ key: Key) { self.word = OneWord(key) }

    @inlinable var count: Int { self.word.count }

    @inlinable
    func write(into buffer: inout ByteBuffer) { self.word.write(into: &buffer) }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { keys.add(self.word.argument) }
}

/// Any number of words that are keys.
@usableFromInline
struct KeyListWords<Key: RESPArgument>: CommandWords {
    @usableFromInline let words: ListWords<Key>

    @inlinable
    init(_ keys: [Key]) { self.words = ListWords(keys) }

    @inlinable var count: Int { self.words.count }

    @inlinable
    func write(into buffer: inout ByteBuffer) { self.words.write(into: &buffer) }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { for key in self.words.arguments { keys.add(key) } }
}

/// Keys, each with its value behind it.
@usableFromInline
struct KeyedWords<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>: CommandWords
where Pairs.Element == (key: Key, value: Value) {
    @usableFromInline let words: PairWords<Pairs, Key, Value>

    @inlinable
    init(_ pairs: Pairs) { self.words = PairWords(pairs) }

    @inlinable var count: Int { self.words.count }

    @inlinable
    func write(into buffer: inout ByteBuffer) { self.words.write(into: &buffer) }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { for (key, _) in self.words.pairs { keys.add(key) } }
}

extension TypedCommand {
    /// One more word, a key.
    @inlinable
    func key<Key: RESPArgument>(_ key: Key) -> TypedCommand<Response, JoinedWords<Words, KeyWord<Key>>> {
        self.adding(KeyWord(key))
    }

    /// Any number of keys.
    @inlinable
    func keys<Key: RESPArgument>(_ keys: [Key]) -> TypedCommand<Response, JoinedWords<Words, KeyListWords<Key>>> {
        self.adding(KeyListWords(keys))
    }

    /// The number of keys, then the keys.
    @inlinable
    func countedKeys<Key: RESPArgument>(
        _ keys: [Key]
    ) -> TypedCommand<Response, JoinedWords<JoinedWords<Words, OneWord<Int>>, KeyListWords<Key>>> {
        self.word(keys.count).keys(keys)
    }

    /// A key and its value for each pair.
    @inlinable
    func keyed<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>(
        _ pairs: Pairs
    ) -> TypedCommand<Response, JoinedWords<Words, KeyedWords<Pairs, Key, Value>>>
    where Pairs.Element == (key: Key, value: Value) {
        self.adding(KeyedWords(pairs))
    }
}

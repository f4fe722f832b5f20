public import NIOCore
public import RESP

/// `DEL key …` and its kind: a name, keys, and for how many of them it holds.
@usableFromInline
struct KeyCount<Key: RESPArgument>: RedisCommand, CustomStringConvertible {
    @usableFromInline typealias Response = Int
    @usableFromInline let name: StaticString
    @usableFromInline let keys: [Key]
    @usableFromInline let isReadOnly: Bool

    @inlinable
    init(_ name: StaticString, _ keys: [Key], _ isReadOnly: Bool) {
        self.name = name
        self.keys = keys
        self.isReadOnly = isReadOnly
    }

    @inlinable
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.keys.count + 1)
        buffer.writeWord(self.name)
        KeyListWords(self.keys).write(into: &buffer)
    }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { for key in self.keys { keys.add(key) } }

    /// A read may be repeated.
    @inlinable var isIdempotent: Bool { self.isReadOnly }
    /// Many keys.
    @inlinable var timeoutFactor: Int { 8 }
    /// The name only: keys may be secret.
    @usableFromInline var description: String { "\(self.name)" }
}

/// `MSET key value …`.
@usableFromInline
struct PairStore<Pairs: Collection & Sendable, Key: RESPArgument, Value: RESPArgument>: RedisCommand,
    CustomStringConvertible
where Pairs.Element == (key: Key, value: Value) {
    @usableFromInline typealias Response = String
    @usableFromInline let words: KeyedWords<Pairs, Key, Value>

    @inlinable
    init(_ pairs: Pairs) { self.words = KeyedWords(pairs) }

    @inlinable
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.words.count + 1)
        buffer.writeWord("MSET")
        self.words.write(into: &buffer)
    }

    @inlinable
    func addKeys(to keys: inout CommandKeys) { self.words.addKeys(to: &keys) }

    /// Many keys.
    @inlinable var timeoutFactor: Int { 8 }
    /// The name only: words may be secret.
    @usableFromInline var description: String { "MSET" }
}

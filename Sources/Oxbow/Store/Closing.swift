import NIOCore

/// A closed cell's writers, each with the end of its closing, in ms of the store's time.
///
/// The rules are those of the scripts of the same names; see ``RedisScripts``.
struct Closing {
    private(set) var isDirty: Bool
    private var writers: [(token: Token, end: UInt64)] = []

    /// What a cell holds; `nil` if it is not closed.
    init?(_ bytes: ByteBuffer) {
        guard CellContent(bytes) == .closed else { return nil }
        let start = bytes.readerIndex + 5
        self.isDirty = bytes.getInteger(at: start - 1, as: UInt8.self) == UInt8(ascii: "1")
        for index in stride(from: start, to: bytes.writerIndex, by: Token.byteCount + 8) {
            guard let token = bytes.token(at: index),
                let end = bytes.getInteger(at: index + Token.byteCount, as: UInt64.self)
            else { return nil }
            self.writers.append((token, end))
        }
    }

    /// An open cell that is about to be closed.
    init(isDirty: Bool) { self.isDirty = isDirty }

    var encoded: ByteBuffer { CellContent.encodedClosed(self.writers, isDirty: self.isDirty) }

    /// When the last writer's closing ends; `nil` without writers.
    var end: UInt64? { self.writers.map(\.end).max() }

    /// The first writer.
    mutating func begin(_ token: Token, until end: UInt64) { self.writers = [(token, end)] }

    /// The most writers of a cell; further ones are merged with those before them.
    private static let mostWriters = 32

    /// Adds a writer, or moves its end, which never moves back; a cell that it finds closed by others is dirty.
    mutating func close(_ token: Token, until end: UInt64, at now: UInt64) {
        let own = self.writers.first { $0.token == token }?.end ?? 0
        self.remove(token, at: now)
        if self.writers.count >= Self.mostWriters, let last = self.end {
            self.writers = [(.merged, last)]
            self.isDirty = true
        }
        self.writers.append((token, max(own, end)))
    }

    /// Takes a writer out, and those whose end has come.
    ///
    /// One that is not there writes beside the others unseen, and makes the cell dirty.
    mutating func remove(_ token: Token, at now: UInt64) {
        if !self.writers.contains(where: { $0.token == token }) { self.isDirty = true }
        self.writers.removeAll { $0.token == token || $0.end <= now }
    }
}

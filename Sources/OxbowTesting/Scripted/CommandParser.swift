import NIOCore

/// Cuts a client's bytes into commands: arrays of bulk strings, the only form clients send.
///
/// Keeps its place between calls, so that the work is linear however the bytes come.
struct CommandParser {
    /// Why the bytes are no command.
    struct Failure: Error {
        let message: String
    }

    private var received = ByteBuffer()
    private var words: [ByteBuffer] = []
    /// Words still to come; `nil` between commands.
    private var missing: Int?
    /// The bytes of the word whose header has been read.
    private var length: Int?

    /// The server's own limits, but for the length of a word.
    static let maximumWords = 1 << 20
    static let maximumWordBytes = 64 << 20
    private static let maximumHeaderBytes = 32

    mutating func receive(_ bytes: ByteBuffer) {
        if self.received.readableBytes == 0 {
            self.received = bytes
        } else {
            if self.received.readerIndex > 1 << 16 { self.received.discardReadBytes() }
            self.received.writeImmutableBuffer(bytes)
        }
    }

    /// The next complete command; `nil` when more bytes are needed.
    mutating func next() throws(Failure) -> [ByteBuffer]? {
        while true {
            if let length = self.length {
                guard self.received.readableBytes >= length + 2 else { return nil }
                guard let word = self.received.readSlice(length: length),
                    self.received.readInteger(as: UInt16.self) == 0x0D0A
                else { throw Failure(message: "a word without its line end") }
                self.words.append(word)
                self.length = nil
            } else if let missing = self.missing {
                if missing == 0 {
                    self.missing = nil
                    defer { self.words = [] }
                    if !self.words.isEmpty { return self.words }
                } else {
                    guard let length = try self.header("$", limit: Self.maximumWordBytes) else { return nil }
                    self.length = length
                    self.missing = missing - 1
                }
            } else {
                guard let count = try self.header("*", limit: Self.maximumWords) else { return nil }
                self.missing = count
            }
        }
    }

    private mutating func header(_ type: Unicode.Scalar, limit: Int) throws(Failure) -> Int? {
        let view = self.received.readableBytesView
        guard let first = view.first else { return nil }
        guard first == UInt8(ascii: type) else { throw Failure(message: "expected '\(type)', got byte \(first)") }
        guard let end = view.prefix(Self.maximumHeaderBytes).firstIndex(of: 0x0D) else {
            guard view.count < Self.maximumHeaderBytes else { throw Failure(message: "a header without an end") }
            return nil
        }
        guard view.index(after: end) < view.endIndex else { return nil }
        let digits = String(decoding: view[view.index(after: view.startIndex)..<end], as: UTF8.self)
        guard let number = Int(digits), 0...limit ~= number, view[view.index(after: end)] == 0x0A else {
            throw Failure(message: "invalid length")
        }
        self.received.moveReaderIndex(forwardBy: end - view.startIndex + 2)
        return number
    }
}

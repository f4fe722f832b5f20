/// Joins the lines of a text to logical lines, without comments and blank lines, as `java.util.Properties.load` does.
///
/// A line ends with CR, LF or CR LF. A line whose first character after blanks is `#` or `!` is a comment. An odd number
/// of backslashes at the end of another line joins it with the next, whose leading blanks are dropped. Two corners that
/// the documentation leaves open follow the implementation: a line that starts a comment is one also after a first line
/// that holds nothing but a backslash, and a backslash in front of the end of the file is dropped.
struct LogicalLines: Sequence, IteratorProtocol {
    /// The bytes of one logical line and the number of the line it starts in, counted from 1.
    struct Element: Hashable {
        var bytes: [UInt8]
        var line: Int
    }

    private let bytes: [UInt8]
    private var index = 0
    /// The number of the line that `index` is in.
    private var line = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Element? {
        var text: [UInt8] = []
        var start: Int?
        var skipsBlanks = true
        var continues = false
        var escapes = false
        while self.index < self.bytes.count {
            let line = self.line
            let byte = self.advance()
            if skipsBlanks {
                if byte.isBlank || (byte.isLineEnd && !continues) { continue }
                skipsBlanks = false
                continues = false
            }
            if text.isEmpty, byte == UInt8(ascii: "#") || byte == UInt8(ascii: "!") {
                self.skipComment()
                skipsBlanks = true
                start = nil
            } else if !byte.isLineEnd {
                if start == nil { start = line }
                text.append(byte)
                escapes = byte == .backslash && !escapes
            } else if text.isEmpty {
                skipsBlanks = true
                start = nil
            } else if !escapes {
                return Element(bytes: text, line: start ?? line)
            } else if self.index == self.bytes.count {
                break
            } else {
                text.removeLast()
                if byte == .carriageReturn, self.bytes[self.index] == .lineFeed { self.advance() }
                skipsBlanks = true
                continues = true
                escapes = false
            }
        }
        guard !text.isEmpty else { return nil }
        if escapes { text.removeLast() }
        return Element(bytes: text, line: start ?? self.line)
    }

    private mutating func skipComment() {
        while self.index < self.bytes.count {
            if self.advance().isLineEnd { return }
        }
    }

    /// Reads one byte and counts the line if it ends one; the LF of a CR LF was counted with the CR.
    @discardableResult
    private mutating func advance() -> UInt8 {
        let byte = self.bytes[self.index]
        let follows = byte == .lineFeed && self.index > 0 && self.bytes[self.index - 1] == .carriageReturn
        if byte.isLineEnd, !follows { self.line += 1 }
        self.index += 1
        return byte
    }
}

extension UInt8 {
    static let backslash = UInt8(ascii: "\\")
    static let carriageReturn = UInt8(ascii: "\r")
    static let lineFeed = UInt8(ascii: "\n")
    static let formFeed: UInt8 = 0x0C

    /// Whether this is what the syntax calls white space: space, tab or form feed.
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") || self == .formFeed }
    var isLineEnd: Bool { self == .lineFeed || self == .carriageReturn }
}

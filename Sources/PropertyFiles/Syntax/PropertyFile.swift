/// The content of one `.properties` file, in the order of its lines.
///
/// The syntax is that of `java.util.Properties.load(Reader)` for UTF-8 text: comments with `#` and `!`; `=`, `:` or
/// blanks between key and value; lines joined by a backslash; `\t`, `\n`, `\r`, `\f` and `\uXXXX`. It is stricter where
/// Java would go on silently with something else than was meant: text that is not UTF-8, half of a surrogate pair, and
/// the same key twice are errors. A byte order mark at the start is skipped.
///
/// Source: the documentation of `java.util.Properties.load(Reader)`, Java SE 17.
public struct PropertyFile: Sendable {
    /// One property as the file has it.
    public struct Entry: Sendable, Hashable {
        /// The key, with its escapes replaced.
        public let key: String
        /// The value, with its escapes replaced, blanks at its end kept and `${…}` left as written.
        public let rawValue: String
        /// The line in which the property starts, counted from 1.
        public let line: Int
    }

    /// The name that messages call the file by.
    public let name: String
    /// The properties in the order of the file.
    public let entries: [Entry]

    /// Parses a text.
    ///
    /// - Parameters:
    ///   - text: The content of the file.
    ///   - name: What messages call the file.
    /// - Throws: ``PropertyError`` with every problem of the text: `malformed` and `duplicate`.
    public init(_ text: String, named name: String) throws(PropertyError) {
        try self.init(bytes: Array(text.utf8), named: name)
    }

    /// Parses the bytes of a text, which must be UTF-8.
    ///
    /// - Parameters:
    ///   - bytes: The content of the file.
    ///   - name: What messages call the file.
    /// - Throws: ``PropertyError`` with every problem of the text: `malformed` and `duplicate`.
    public init(bytes: [UInt8], named name: String) throws(PropertyError) {
        var problems: [PropertyProblem] = []
        self.init(bytes: bytes, named: name, problems: &problems)
        let repeated = PropertySet.duplicates(in: [self])
        if let error = PropertyError(problems + repeated) { throw error }
    }

    /// Parses what can be parsed and appends what cannot to the problems; repeated keys are kept.
    init(bytes: [UInt8], named name: String, problems: inout [PropertyProblem]) {
        self.name = name
        let bytes = bytes.starts(with: Self.byteOrderMark) ? Array(bytes.dropFirst(Self.byteOrderMark.count)) : bytes
        if let line = Self.firstInvalidLine(bytes) {
            problems.append(PropertyProblem(.malformed, at: .file(name, line: line), "not UTF-8"))
            self.entries = []
            return
        }
        var entries: [Entry] = []
        for line in LogicalLines(bytes) {
            let pair = EscapedPair(line.bytes)
            var key: String?
            do throws(EscapedText.Failure) {
                let decodedKey = try EscapedText.decoded(pair.key)
                key = decodedKey
                let value = try EscapedText.decoded(pair.value)
                entries.append(Entry(key: decodedKey, rawValue: value, line: line.line))
            } catch {
                let source = PropertySource.file(name, line: line.line)
                problems.append(PropertyProblem(.malformed, at: source, property: key, error.message))
            }
        }
        self.entries = entries
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private static func firstInvalidLine(_ bytes: [UInt8]) -> Int? {
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        // No byte of a longer UTF-8 sequence is a CR or LF, so the lines can be checked one by one.
        var line = 1
        var start = 0
        for (index, byte) in bytes.enumerated() where byte.isLineEnd {
            if byte == .lineFeed, index > 0, bytes[index - 1] == .carriageReturn {
                start = index + 1
                continue
            }
            if String(validating: bytes[start..<index], as: UTF8.self) == nil { return line }
            start = index + 1
            line += 1
        }
        return line
    }
}

extension PropertyFile: CustomStringConvertible, CustomReflectable {
    /// The name and the number of properties; no values, which may be secret.
    public var description: String { "\(self.name.printable) (\(self.entries.count) properties)" }

    /// A mirror of the name and the entries, whose values are not shown.
    public var customMirror: Mirror { Mirror(self, children: ["name": self.name, "entries": self.entries]) }
}

extension PropertyFile.Entry: CustomStringConvertible, CustomReflectable {
    /// The key and the line; not the value, which may be secret.
    public var description: String { "\(self.key.printable) (line \(self.line))" }

    /// A mirror of the key and the line.
    public var customMirror: Mirror { Mirror(self, children: ["key": self.key, "line": self.line]) }
}

/// Everything that is wrong with the properties, found in one go.
///
/// Loading and reading properties changes nothing anywhere, so none of the codes leaves anything half done.
public struct PropertyError: Error, Sendable, CustomStringConvertible {
    /// The kinds of problems and warnings; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String, Sendable {
            case unreadable, malformed, duplicate, unresolved, invalid, ambiguous, unknown, ignored, discouraged
        }

        private let kind: Kind

        /// A file or directory could not be read.
        public static var unreadable: Code { Code(kind: .unreadable) }
        /// The text is not UTF-8, or an escape or a `${…}` in it is broken.
        public static var malformed: Code { Code(kind: .malformed) }
        /// A property is set twice in one file or one directory.
        public static var duplicate: Code { Code(kind: .duplicate) }
        /// A value refers to an environment variable that is not set.
        public static var unresolved: Code { Code(kind: .unresolved) }
        /// A value is not allowed, by itself or together with other values.
        public static var invalid: Code { Code(kind: .invalid) }
        /// An environment variable stands for more than one property.
        public static var ambiguous: Code { Code(kind: .ambiguous) }
        /// A warning: nobody knows the property.
        public static var unknown: Code { Code(kind: .unknown) }
        /// A warning: the property is known but nothing acts upon it, in this version or with these settings.
        public static var ignored: Code { Code(kind: .ignored) }
        /// A warning: the value is allowed but weakens something, such as security.
        public static var discouraged: Code { Code(kind: .discouraged) }

        /// The code's name.
        public var description: String { self.kind.rawValue }
    }

    /// The kind of the first problem.
    public let code: Code
    /// All problems, sorted by file and line, those of environment variables and defaults last; never empty.
    public let problems: [PropertyProblem]
    /// What the file system said, if a file could not be read.
    public let cause: (any Error)?
    /// The file and line of the source code that made this error.
    public let origin: String

    /// The problems, one per line.
    public var description: String { self.problems.map(\.description).joined(separator: "\n") }

    init?(
        _ problems: [PropertyProblem],
        cause: (any Error)? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let sorted = problems.sorted()
        guard let first = sorted.first else { return nil }
        self.code = first.code
        self.problems = sorted
        self.cause = cause
        self.origin = "\(file):\(line)"
    }
}

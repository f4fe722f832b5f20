/// What is wrong with bytes received, or with the type a caller asked for.
public struct RESPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of errors; more may come.
    public struct Code: Sendable, Hashable {
        enum Kind: String, Sendable { case malformed, limitExceeded, unexpectedType, errorReply }
        let kind: Kind

        /// The bytes are not RESP.
        ///
        /// The connection they came from cannot be used any further.
        public static var malformed: Code { Code(kind: .malformed) }
        /// A length, count, depth or line is beyond ``RESPLimits``.
        ///
        /// The connection cannot be used any further.
        public static var limitExceeded: Code { Code(kind: .limitExceeded) }
        /// The reply is sound but not of the type asked for.
        public static var unexpectedType: Code { Code(kind: .unexpectedType) }
        /// The server answered with an error; see ``RESPError/reply``.
        public static var errorReply: Code { Code(kind: .errorReply) }
    }

    /// The kind of error.
    public let code: Code
    /// What was found, without any value received.
    public let message: String
    /// The server's error, for ``Code/errorReply`` only.
    public let reply: ErrorReply?

    /// The kind and what was found.
    public var description: String { "\(self.code.kind.rawValue): \(self.message)" }

    /// An error found by a type that decodes itself.
    ///
    /// - Parameters:
    ///   - code: the kind.
    ///   - message: what was found, without any value received.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
        self.reply = nil
    }

    /// The error for an error reply.
    public init(reply: ErrorReply) {
        self.code = .errorReply
        self.message = "the server answered \(reply)"
        self.reply = reply
    }
}

/// An error reply of the server: `-WRONGTYPE Operation against a key …`.
public struct ErrorReply: Sendable, Hashable, CustomStringConvertible {
    /// The first word as the server spells it, such as `WRONGTYPE`; empty if the error has none.
    public let prefix: String
    /// The whole line without the leading `-`.
    ///
    /// Old servers repeat arguments in it: not for logs.
    public let message: String

    /// Splits a server's error line into its first word and the rest.
    public init(_ message: String) {
        self.message = message
        let word = message.utf8.prefix { $0 != UInt8(ascii: " ") }
        let isPrefix = !word.isEmpty && word.allSatisfy { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        self.prefix = isPrefix ? String(Substring(word)) : ""
    }

    /// The first word only; the rest may repeat what a user sent.
    public var description: String { self.prefix.isEmpty ? "ERR" : self.prefix }
}

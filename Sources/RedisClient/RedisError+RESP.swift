public import RESP

extension RESPReader {
    /// Reads one whole reply: an error is thrown, also to those who could hold one as a value.
    @inlinable
    mutating func readReply<Response: RESPDecodable>(as _: Response.Type) throws(RESPError) -> Response {
        if self.isAtError { throw RESPError(reply: try self.readError()) }
        return try Response(from: &self)
    }
}

extension RedisError {
    /// The error for a reply that could not be decoded: the server's own, or one about its type.
    @usableFromInline
    init(_ error: RESPError) {
        if let reply = error.reply {
            self.init(.server, Self.safeText(of: reply), delivery: .refused, serverError: reply.description)
        } else {
            self.init(.unexpectedReply, error.message, delivery: .done, cause: error)
        }
    }

    /// The error for a reply that begins where `reader` stands: an error inside of a sound reply is no refusal.
    @usableFromInline
    init(_ error: RESPError, of reader: RESPReader) {
        var reader = reader
        let type = try? reader.nextType()
        guard let reply = error.reply, type != .simpleError, type != .bulkError else {
            self.init(error)
            return
        }
        let text = Self.safeText(of: reply)
        self.init(
            .unexpectedReply,
            "an error among the elements: \(text)",
            delivery: .done,
            serverError: reply.description,
            cause: error
        )
    }

    /// What may be shown of a server's error: the words of the server itself, never what it repeats of the command.
    ///
    /// Servers repeat arguments behind the first quote sign, backtick or colon, and script errors carry a script's own
    /// text there.
    static func safeText(of reply: ErrorReply) -> String {
        let text = reply.message.utf8.prefix { byte in
            byte != UInt8(ascii: "'") && byte != UInt8(ascii: "`") && byte != UInt8(ascii: "\"")
                && byte != UInt8(ascii: ":")
        }
        return String(Substring(text.prefix(160)))
    }
}

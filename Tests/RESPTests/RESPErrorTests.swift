import RESP
import Testing

@Suite struct RESPErrorTests {
    @Test(arguments: [
        ("WRONGTYPE Operation against a key", "WRONGTYPE"), ("ERR syntax error", "ERR"),
        ("MOVED 3999 127.0.0.1:6381", "MOVED"),
        ("ASK 3999 :6381", "ASK"), ("LOADING", "LOADING"), ("NOSCRIPT ", "NOSCRIPT"), ("ERR  two blanks", "ERR"),
        ("A", "A"), ("E R", "E"),
    ])
    func `the prefix of an error is its first word`(message: String, prefix: String) {
        let reply = ErrorReply(message)
        #expect(reply.prefix == prefix)
        #expect(reply.message == message)
        #expect(reply.description == prefix)
    }

    @Test(arguments: [
        "", " ", " ERR x", "err x", "Error x", "ERR: x", "ERR, x", "wrong ERR", "ERR\tx", "ERR\r\nx", "ERR\0", "ÄRR x",
        "ERRé",
        "E\u{301}RR x", "123 x", "-ERR x", "user_script:1: x", "\u{FFFD}RR x", "'secret' is wrong",
    ])
    func `an error without a word of capital letters has no prefix`(message: String) {
        let reply = ErrorReply(message)
        #expect(reply.prefix == "")
        #expect(reply.message == message)
        #expect(reply.description == "ERR")
    }

    @Test func `an error reply keeps its text, a bulk error its line ends`() throws {
        #expect(try decode("-MISCONF Redis is set up\n", as: RESPValue.self) == .failure("MISCONF Redis is set up"))
        #expect(try decode("!14\nSYNTAX a\nb\nc\n", as: RESPValue.self) == .failure("SYNTAX a\r\nb\r\nc"))
    }

    @Test func `says what kind of error it is`() {
        let malformed = RESPError(.malformed, "a reply that nobody waits for")
        #expect(malformed.code == .malformed)
        #expect(malformed.description == "malformed: a reply that nobody waits for")
        #expect(malformed.reply == nil)
        #expect(Set([RESPError.Code.malformed, .limitExceeded, .unexpectedType, .errorReply]).count == 4)
    }
}

import NIOCore
import RESP
import RESPFuzzing
import Seeded
import Testing

@Suite struct RESPArgumentTests {
    /// What `argument` is on the wire, written behind bytes that are there already.
    private func encoded(_ argument: some RESPArgument) -> [UInt8] {
        var buffer = ByteBuffer(string: "before")
        argument.writeBulkString(into: &buffer)
        #expect(buffer.readString(length: 6) == "before")
        return Array(buffer.readableBytesView)
    }

    @Test(arguments: [
        ("", "$0\r\n\r\n"), ("a", "$1\r\na\r\n"), ("hällo", "$6\r\nhällo\r\n"), ("🚣", "$4\r\n🚣\r\n"),
        ("\0", "$1\r\n\0\r\n"),
        ("\r\n", "$2\r\n\r\n\r\n"), ("a\r\n$1\r\nb", "$8\r\na\r\n$1\r\nb\r\n"), ("e\u{301}", "$3\r\ne\u{301}\r\n"),
        ("123456789", "$9\r\n123456789\r\n"), ("1234567890", "$10\r\n1234567890\r\n"),
        // A whole command as a value stays one value.
        ("*1\r\n$8\r\nFLUSHALL\r\n", "$18\r\n*1\r\n$8\r\nFLUSHALL\r\n\r\n"),
    ])
    func `writes text as one bulk string of its bytes`(text: String, wire: String) {
        #expect(self.encoded(text) == Array(wire.utf8))
        #expect(self.encoded(ByteBuffer(string: text)) == Array(wire.utf8))
        #expect(self.encoded(Array(text.utf8)) == Array(wire.utf8))
    }

    @Test(arguments: [
        (0, "$1\r\n0\r\n"), (-1, "$2\r\n-1\r\n"), (9, "$1\r\n9\r\n"), (10, "$2\r\n10\r\n"),
        (-100_000, "$7\r\n-100000\r\n"),
        (.max, "$19\r\n9223372036854775807\r\n"), (.min, "$20\r\n-9223372036854775808\r\n"),
    ])
    func `writes a number as its digits`(number: Int, wire: String) {
        #expect(self.encoded(number) == Array(wire.utf8))
    }

    @Test(arguments: [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10_000, 99_999, 100_000, 100_001, 1_048_576])
    func `writes lengths of any number of digits`(count: Int) {
        let body = [UInt8](repeating: 0xFF, count: count)
        let wire = Array("$\(count)\r\n".utf8) + body + Array("\r\n".utf8)
        #expect(self.encoded(body) == wire)
        #expect(self.encoded(ByteBuffer(bytes: body)) == wire)
        let text = String(repeating: "x", count: count)
        #expect(self.encoded(text) == Array("$\(count)\r\n\(text)\r\n".utf8))
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 9999, 10_000, 99_999, 100_000, 123_456, 999_999, 1_000_000, Int.max])
    func `writes headers with room to spare and without`(count: Int) {
        for capacity in 0..<40 {
            var buffer = ByteBufferAllocator().buffer(capacity: capacity)
            buffer.writeCommandHeader(count: count)
            buffer.writeBulkHeader(count: count)
            buffer.writeLineEnd()
            #expect(String(buffer: buffer) == "*\(count)\r\n$\(count)\r\n\r\n")
        }
    }

    @Test func `writes the readable bytes of a buffer and does not read them away`() {
        var buffer = ByteBuffer(string: "123456")
        buffer.moveReaderIndex(forwardBy: 2)
        #expect(self.encoded(buffer) == Array("$4\r\n3456\r\n".utf8))
        #expect(buffer.readableBytes == 4)
    }

    @Test func `writes fixed words`() {
        var buffer = ByteBuffer()
        buffer.writeWire("*3\r\n$3\r\nSET\r\n")
        buffer.writeWord("key")
        buffer.writeWord("")
        #expect(String(buffer: buffer) == "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n")
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `whatever is written as commands is read back as their words`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var buffer = ByteBuffer()
        let commands = (0..<50).map { _ in (0...random.below(6)).map { _ in Word.random(using: &random) } }
        for command in commands {
            buffer.writeCommandHeader(count: command.count)
            for word in command { word.writeBulkString(into: &buffer) }
        }
        let bytes = Array(buffer.readableBytesView)
        let scan = Scan(bytes)
        #expect(scan.error == nil)
        #expect(scan == Scan(bytes, cuts: randomCuts(of: bytes.count, upTo: 100, using: &random)))
        #expect(scan.frames.count == commands.count)
        for (frame, command) in zip(scan.frames, commands) {
            #expect(frame.type == .array)
            #expect(try decode(unscanned: Array(bytes[frame.range]), as: [ByteBuffer].self) == command.map(\.bytes))
        }
    }
}

/// An argument of any type and content, hostile ones among them.
private struct Word: RESPArgument {
    let argument: any RESPArgument
    let bytes: ByteBuffer

    func writeBulkString(into buffer: inout ByteBuffer) { self.argument.writeBulkString(into: &buffer) }

    static func random(using random: inout SeededGenerator) -> Word {
        let lengths = [0, 1, 2, 8, 9, 10, 11, 98, 99, 100, 101, 1023, 1024, 1025, 5000]
        var length = lengths[random.below(lengths.count)]
        if random.below(200) == 0 { length = [99_999, 100_000][random.below(2)] }
        switch random.below(5) {
        case 0:
            let number = Int(truncatingIfNeeded: random.next()) >> random.below(64)
            return Word(argument: number, bytes: ByteBuffer(string: "\(number)"))
        case 1:
            let alphabet: [Character] = ["a", "\r\n", "$", "é", "🚣", "\0", "\n", "*", "1"]
            let text = String((0..<length).map { _ in alphabet[random.below(alphabet.count)] })
            return Word(argument: text, bytes: ByteBuffer(string: text))
        case 2:
            let command = "*1\r\n$8\r\nFLUSHALL\r\n"
            return Word(argument: command, bytes: ByteBuffer(string: command))
        case 3:
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            return Word(argument: bytes, bytes: ByteBuffer(bytes: bytes))
        default:
            let bytes = ByteBuffer(repeating: UInt8(ascii: "\r"), count: length)
            return Word(argument: bytes, bytes: bytes)
        }
    }
}

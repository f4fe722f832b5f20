import NIOCore
import RESP
import Testing

@Suite struct RESPDecodableTests {
    @Test(
        arguments: [
            (":42\n", 42), ("$2\n42\n", 42), ("+42\n", 42), ("$3\n-42\n", -42), (":-0\n", 0), ("(42\n", 42),
            (",42\n", 42),
            ("=6\ntxt:42\n", 42), ("|1\n+a\n:7\n:42\n", 42), (":9223372036854775807\n", .max),
            ("$20\n-9223372036854775808\n", .min),
        ] as [(String, Int)]
    )
    func `an Int is an integer or a string that holds one`(text: String, value: Int) throws {
        #expect(try decode(text, as: Int.self) == value)
        #expect(try decode(text, as: Int64.self) == Int64(value))
        #expect(try decode(text, as: Int?.self) == value)
    }

    @Test(arguments: [
        "$19\n9223372036854775808\n", "$20\n-9223372036854775809\n", "(18446744073709551616\n", "$0\n\n", "$1\n-\n",
        "$1\n+\n", "$2\n 1\n", "$2\n1 \n", "$3\n1.0\n", ",1.5\n", ",inf\n", "+OK\n", "#t\n", "_\n", "$-1\n", "*-1\n",
        "*0\n",
        "*1\n:1\n", "%0\n", "~0\n", ">0\n", "$?\n;1\n1\n;0\n", "$1000\n\(String(repeating: "1", count: 1000))\n",
    ])
    func `nothing else is an Int`(text: String) {
        #expect(failure { try decode(text, as: Int.self) } == .unexpectedType)
        #expect(failure { try decode(text, as: Int64.self) } == .unexpectedType)
    }

    @Test(
        arguments: [
            (",1.5\n", 1.5), (",inf\n", .infinity), (",-inf\n", -.infinity), (",1e3\n", 1000), (":3\n", 3),
            ("$3\n2.5\n", 2.5),
            ("+-0.5\n", -0.5), ("$3\ninf\n", .infinity), ("(10\n", 10), ("$?\n;2\n1.\n;1\n5\n;0\n", 1.5),
            ("=7\ntxt:1.5\n", 1.5),
        ] as [(String, Double)]
    )
    func `a Double is a double or what holds one`(text: String, value: Double) throws {
        #expect(try decode(text, as: Double.self) == value)
    }

    @Test func `a Double may be no number`() throws {
        #expect(try decode(",nan\n", as: Double.self).isNaN)
        #expect(try decode(",-0\n", as: Double.self).sign == .minus)
    }

    @Test(arguments: [
        ",x\n", ",1,5\n", ", 1\n", "$0\n\n", "+OK\n", "#t\n", "_\n", "$-1\n", "*0\n", "%0\n", "$3\n1\0 \n", "$2\n1\0\n",
    ])
    func `nothing else is a Double`(text: String) {
        #expect(failure { try decode(text, as: Double.self) } == .unexpectedType)
    }

    @Test(arguments: [("#t\n", true), ("#f\n", false), (":1\n", true), (":0\n", false), ("$1\n1\n", true)])
    func `a Bool is a boolean or the integers 0 and 1`(text: String, value: Bool) throws {
        #expect(try decode(text, as: Bool.self) == value)
    }

    @Test(arguments: [":2\n", ":-1\n", "+true\n", "$1\nt\n", "$0\n\n", "_\n", "$-1\n", "*0\n", ",1.5\n"])
    func `nothing else is a Bool`(text: String) {
        #expect(failure { try decode(text, as: Bool.self) } == .unexpectedType)
    }

    @Test(arguments: [
        ("$5\nhello\n", "hello"), ("+OK\n", "OK"), ("$0\n\n", ""), ("=5\nmkd:x\n", "x"), (":42\n", "42"),
        (",1.50\n", "1.50"),
        ("(123\n", "123"), ("$?\n;3\nh\u{E9}\n;1\n!\n;0\n", "h\u{E9}!"), ("|1\n+a\n+b\n$1\nx\n", "x"), ("$?\n;0\n", ""),
    ])
    func `a String or a ByteBuffer is a string of any kind or a number as text`(text: String, value: String) throws {
        #expect(try decode(text, as: String.self) == value)
        #expect(try decode(text, as: ByteBuffer.self) == ByteBuffer(string: value))
        #expect(try decode("*2\n" + text + text, as: [String].self) == [value, value])
    }

    @Test(arguments: ["#t\n", "_\n", "$-1\n", "*-1\n", "*0\n", "*1\n+a\n", "%0\n", "~0\n", "*?\n.\n", ">0\n"])
    func `nothing else is a String or a ByteBuffer`(text: String) {
        #expect(failure { try decode(text, as: String.self) } == .unexpectedType)
        #expect(failure { try decode(text, as: ByteBuffer.self) } == .unexpectedType)
    }

    @Test func `a String is repaired, a ByteBuffer is not`() throws {
        let bytes = wire("$4\n") + [0x61, 0xFF, 0x00, 0xC3] + wire("\n")
        #expect(try decode(unscanned: bytes, as: String.self) == "a\u{FFFD}\0\u{FFFD}")
        #expect(try decode(unscanned: bytes, as: ByteBuffer.self) == ByteBuffer(bytes: [0x61, 0xFF, 0x00, 0xC3]))
    }

    @Test(arguments: [0, 1, 1000, 30_000, 65_000, 100_000])
    func `a ByteBuffer is kept without the receive buffer it came in`(count: Int) throws {
        let body = [UInt8](repeating: 0x78, count: count)
        var received = ByteBuffer(bytes: wire("+before\n*3\n:1\n$\(count)\n") + body + wire("\n$?\n;1\nx\n;0\n:7\n"))
        received.moveReaderIndex(forwardBy: 9)
        let reply = received.readableBytes
        received.reserveCapacity(1_000_000)
        var reader = RESPReader(try #require(received.getSlice(at: 9, length: reply)))
        #expect(try reader.readAggregate().count == 3)
        #expect(try reader.readInteger() == 1)
        let kept = try ByteBuffer(from: &reader)
        #expect(kept == ByteBuffer(bytes: body))
        #expect(kept.storageCapacity < 300_000)
        // What comes behind it is still there.
        #expect(try ByteBuffer(from: &reader) == ByteBuffer(string: "x"))
        #expect(try Int(from: &reader) == 7)
        #expect(reader.isAtEnd)
    }
}

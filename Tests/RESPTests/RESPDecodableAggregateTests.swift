import NIOCore
import RESP
import Testing

@Suite struct RESPDecodableAggregateTests {
    @Test(arguments: [
        ("*3\n:1\n$1\n2\n+3\n", [1, 2, 3]), ("~2\n:1\n:2\n", [1, 2]), (">1\n:1\n", [1]), ("%1\n:1\n:2\n", [1, 2]),
        ("*0\n", []), ("~0\n", []), ("%0\n", []), ("*?\n.\n", []), ("*?\n:1\n:2\n.\n", [1, 2]),
        ("%?\n:1\n:2\n.\n", [1, 2]),
        ("|1\n+a\n+b\n*2\n|1\n+a\n+b\n:1\n:2\n", [1, 2]),
    ])
    func `an Array is an array, a set, a push or a flat map`(text: String, value: [Int]) throws {
        #expect(try decode(text, as: [Int].self) == value)
        #expect(try decode("*2\n" + text.replacing(">", with: "*") + "*0\n", as: [[Int]].self) == [value, []])
    }

    @Test(arguments: [
        ("%2\n+a\n:1\n+b\n:2\n", ["a": 1, "b": 2]), ("*4\n+a\n:1\n+b\n:2\n", ["a": 1, "b": 2]), ("%0\n", [:]),
        ("*0\n", [:]),
        ("%2\n+a\n:1\n+a\n:2\n", ["a": 2]), ("%?\n+a\n:1\n.\n", ["a": 1]), ("*?\n.\n", [:]),
        ("*?\n+a\n$1\n1\n.\n", ["a": 1]),
        ("%1\n|1\n+x\n:1\n$?\n;1\na\n;0\n|0\n:1\n", ["a": 1]),
    ])
    func `a Dictionary is a map or an array of keys and values`(text: String, value: [String: Int]) throws {
        #expect(try decode(text, as: [String: Int].self) == value)
        #expect(try decode("%1\n+k\n" + text, as: [String: [String: Int]].self) == ["k": value])
    }

    @Test(arguments: [
        ":1\n", "$2\n[]\n", "+OK\n", "_\n", "$-1\n", "*-1\n", "#t\n", ",1\n", "(1\n", "$?\n;0\n", "=4\ntxt:\n",
    ])
    func `nothing else is an Array or a Dictionary`(text: String) {
        #expect(failure { try decode(text, as: [Int].self) } == .unexpectedType)
        #expect(failure { try decode(text, as: [RESPValue].self) } == .unexpectedType)
        #expect(failure { try decode(text, as: [String: Int].self) } == .unexpectedType)
    }

    @Test(arguments: ["*1\n+a\n", "*3\n+a\n:1\n+b\n", "*?\n+a\n.\n", "%?\n+a\n.\n", "~1\n+a\n"])
    func `a key without a value is no Dictionary`(text: String) {
        #expect(failure { try decode(text, as: [String: Int].self) } == .unexpectedType)
    }

    @Test(arguments: ["_\n", "$-1\n", "*-1\n", "|1\n+a\n:1\n_\n"])
    func `a null of either version is nil, at any place`(null: String) throws {
        #expect(try decode(null, as: Int?.self) == nil)
        #expect(try decode(null, as: [Int]?.self) == nil)
        #expect(try decode(null, as: [String: Int]?.self) == nil)
        #expect(try decode("*3\n:1\n" + null + ":3\n", as: [Int?].self) == [1, nil, 3])
        let withNull: [String: Int?] = ["a": Int?.none, "b": 2]
        #expect(try decode("%2\n+a\n" + null + "+b\n:2\n", as: [String: Int?].self) == withNull)
        #expect(try decode("*2\n" + null + "*1\n" + null, as: [[String?]?].self) == [nil, [nil]])
        #expect(failure { try decode("*2\n:1\n" + null, as: [Int].self) } == .unexpectedType)
    }

    @Test(arguments: ["-WRONGTYPE no\n", "!12\nWRONGTYPE no\n", "|1\n+a\n:1\n-WRONGTYPE no\n"])
    func `an error in place of a value is thrown with its prefix, at any depth`(error: String) {
        func reply(_ body: () throws -> some Any) -> ErrorReply? {
            let thrown = #expect(throws: RESPError.self) { _ = try body() }
            #expect(thrown?.code == .errorReply)
            return thrown?.reply
        }
        let expected = ErrorReply("WRONGTYPE no")
        #expect(expected.prefix == "WRONGTYPE")
        #expect(reply { try decode(error, as: Int.self) } == expected)
        #expect(reply { try decode(error, as: Int64?.self) } == expected)
        #expect(reply { try decode(error, as: Double.self) } == expected)
        #expect(reply { try decode(error, as: Bool.self) } == expected)
        #expect(reply { try decode(error, as: String.self) } == expected)
        #expect(reply { try decode(error, as: String?.self) } == expected)
        #expect(reply { try decode(error, as: ByteBuffer.self) } == expected)
        #expect(reply { try decode(error, as: [Int].self) } == expected)
        #expect(reply { try decode(error, as: [String: Int].self) } == expected)
        #expect(reply { try decode("*2\n:1\n" + error, as: [Int].self) } == expected)
        #expect(reply { try decode("*1\n*2\n+x\n" + error, as: [[String?]].self) } == expected)
        #expect(reply { try decode("%1\n+x\n" + error, as: [String: String].self) } == expected)
        #expect(reply { try decode("%1\n" + error + "+x\n", as: [String: String].self) } == expected)
    }

    @Test func `the text of an error says what was found, not what was received`() throws {
        let wrong = #expect(throws: RESPError.self) { try decode("*1\n$6\nsecret\n", as: [Int].self) }
        #expect(wrong?.description.contains("secret") == false)
        let refused = #expect(throws: RESPError.self) { try decode("-ERR secret\n", as: Int.self) }
        #expect(refused?.description.contains("secret") == false)
        #expect(refused?.reply?.message == "ERR secret")
        #expect(refused?.reply?.description == "ERR")
    }

    /// Kept values do not hold on to the reply they came with.
    @Test func `a value that is kept keeps no more than its block`() throws {
        let count = 20_000
        let element = String(repeating: "x", count: 100)
        let large = String(repeating: "y", count: 300_000)
        var reply = ByteBuffer(string: "*\(count + 1)\r\n$\(large.utf8.count)\r\n\(large)\r\n")
        for _ in 0..<count { reply.writeString("$100\r\n\(element)\r\n") }
        var reader = RESPReader(reply)
        let values = try [ByteBuffer](from: &reader)
        #expect(values.count == count + 1)
        let first = String(buffer: values[0])
        #expect(first == large)
        #expect(values.dropFirst().allSatisfy { $0.readableBytes == 100 && String(buffer: $0) == element })
        #expect(values[0].storageCapacity < 600_000)
        let largest = values.dropFirst().map(\.storageCapacity).max()
        #expect(largest.map { $0 <= 131_072 } == true)
        // A small one from a large receive buffer, as a single value.
        var single = ByteBuffer(string: "$3\r\nabc\r\n")
        single.writeRepeatingByte(0x20, count: 1_000_000)
        let frame = try #require(single.getSlice(at: 0, length: 9))
        var other = RESPReader(frame)
        let value = try ByteBuffer(from: &other)
        #expect(String(buffer: value) == "abc")
        #expect(value.storageCapacity < 1024)
    }
}

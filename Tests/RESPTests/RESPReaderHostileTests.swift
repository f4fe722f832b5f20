import NIOCore
import RESP
import RESPFuzzing
import Testing

/// Bytes that no scanner has seen: the reader throws, and its work and memory are bounded by the bytes that are there.
@Suite(.timeLimit(.minutes(1))) struct RESPReaderHostileTests {
    /// Decodes to every kind of type; each must throw an error of ``RESPError``.
    private func refuses(_ bytes: [UInt8], decodings: [Decoding] = Decoding.all) -> Bool {
        let buffer = ByteBuffer(bytes: bytes)
        return decodings.allSatisfy { $0.failure(buffer) != nil }
    }

    @Test(
        arguments: ["*", "~", "%", ">", "|"],
        [
            "4294967296", "1152921504606846976", "4611686018427387903", "4611686018427387904", "9223372036854775807",
        ]
    )
    func `reserves nothing and loops over nothing for elements that are not there`(type: String, count: String) {
        #expect(self.refuses(wire(type + count + "\n")))
        #expect(self.refuses(wire(type + count + "\n:1\n:1\n")))
        #expect(self.refuses(wire("*1\n" + type + count + "\n")))
        #expect(self.refuses(wire("|1\n" + type + count + "\n+a\n")))
        #expect(self.refuses(wire("*?\n" + type + count + "\n")))
    }

    @Test(
        arguments: ["$", "=", "!", "$?\n;", "*1\n$", "|1\n+a\n$"],
        ["2147483648", "9223372036854775807", "3", "-2", "", "+1"]
    )
    func `reads no string that is not there`(type: String, count: String) {
        #expect(self.refuses(wire(type + count + "\nx\n")))
        #expect(self.refuses(wire(type + count + "\n")))
    }

    @Test(arguments: ["*1\n", "~1\n", "%1\n", ">1\n", "|1\n", "*?\n", "%?\n", "*2\n|1\n", "|1\n*?\n", "*1\n|1\n+a\n"])
    func `keeps a flat stack on a hundred thousand opening aggregates`(header: String) {
        let bytes = Array(million(header).prefix(400_000))
        #expect(self.refuses(bytes, decodings: Decoding.few))
        var reader = RESPReader(ByteBuffer(bytes: bytes))
        #expect(throws: RESPError.self) { try reader.skip() }
    }

    @Test func `keeps a flat stack on a million levels`() throws {
        let open = million("*1\n").prefix(4_000_000)
        var reader = RESPReader(ByteBuffer(bytes: open + wire(":1\n:2\n")))
        try reader.skip()
        #expect(try Int(from: &reader) == 2)
        reader = RESPReader(ByteBuffer(bytes: wire("|1\n+a\n") + open + wire(":1\n:2\n")))
        #expect(try Int(from: &reader) == 2)
        reader = RESPReader(ByteBuffer(bytes: open + wire(":1\n")))
        #expect(throws: RESPError.self) { try RESPValue(from: &reader) }
    }

    @Test func `reads over fifty thousand attributes in a row or in one another`() throws {
        let row = Array(million("|1\n+a\n:1\n").prefix(12 * 50_000))
        #expect(try decode(unscanned: row + wire(":1\n"), as: Int.self) == 1)
        #expect(try decode(unscanned: row + wire("_\n"), as: Int?.self) == nil)
        #expect(try decode(unscanned: row + wire("*1\n") + row + wire(":1\n"), as: RESPValue.self) == [1])
        #expect(self.refuses(row, decodings: Decoding.few))
        let nested = Array(million("|1\n:1\n").prefix(8 * 50_000))
        #expect(self.refuses(nested, decodings: Decoding.few))
        let closed = nested + Array(million(":1\n").prefix(4 * 50_000)) + wire(":1\n")
        #expect(try decode(unscanned: closed, as: Int.self) == 1)
    }

    @Test func `reads a large attribute once, not once for each question about it`() throws {
        let attribute = wire("|50000\n") + Array(million(":1\n").prefix(4 * 100_000))
        var reader = RESPReader(ByteBuffer(bytes: attribute + wire("*2\n:1\n:2\n")))
        #expect(try reader.nextType() == .array)
        #expect(try reader.readNullIfPresent() == false)
        #expect(try [Int](from: &reader) == [1, 2])
    }

    @Test(arguments: [
        "", "|0\n", "|1\n+a\n", "|1\n+a\n+b\n", "|-1\n", "|?\n.\n", "|", "*", "$", "=", ":", "+", "-", "!", "#", "_",
        ",",
        "(", "~", "%", ">", ";", ".", ";1\nx\n", ".\n", "x\n", "*1\n.\n", "*1\n;0\n", "*?\n", "*?\n:1\n", "$?\n",
        "$?\n:1\n",
        "$?\n;1\n", "$?\n;1\nx\n", "$?\n;-1\n", "$?\n;?\n", "$?\n;1\nx\n.\n", "$-1", "$-", "*-1\r", "_\r", "#t", ":1\r",
        "=-1\n",
        "!-1\n", "!?\n", "%-1\n", "~-1\n", "\n", "\0", "\r", "*1", "*1\n", "%1\n:1\n", "$1\nx", "$1\nx\r", "$0\n",
        "=3\n",
    ])
    func `throws at the end of the bytes and in the wrong place`(text: String) {
        #expect(self.refuses(wire(text)))
    }

    @Test func `throws at a lone byte, whatever it is`() {
        for byte in UInt8.min...UInt8.max { #expect(self.refuses([byte]), "byte \(byte)") }
    }
}

import NIOCore
import RESP
import RESPFuzzing
import Testing

@Suite struct RESPReaderTests {
    @Test(arguments: Example.all)
    func `skips exactly one element, wherever the buffer starts`(_ example: Example) throws {
        var buffer = ByteBuffer(bytes: wire("junk\n") + example.bytes + wire(":7\n"))
        buffer.moveReaderIndex(forwardBy: 6)
        var reader = RESPReader(buffer)
        try reader.skip()
        #expect(try Int(from: &reader) == 7)
        #expect(reader.isAtEnd)
        reader = RESPReader(buffer)
        #expect(try reader.nextType() == example.type)
        #expect(try RESPValue(from: &reader) == example.value)
        #expect(try reader.readInteger() == 7)
    }

    @Test(arguments: Example.all)
    func `skips no part of an element`(_ example: Example) {
        for count in 0..<example.bytes.count {
            var reader = RESPReader(ByteBuffer(bytes: example.bytes.prefix(count)))
            #expect(throws: RESPError.self) { try reader.skip() }
            #expect(throws: RESPError.self) {
                try decode(unscanned: Array(example.bytes.prefix(count)), as: RESPValue.self)
            }
        }
    }

    @Test func `skips and reads over whatever larger limits let through`() throws {
        var limits = RESPLimits()
        limits.maximumDepth = 1000
        limits.maximumLineBytes = 1_000_000
        let deep = String(repeating: "*1\n", count: 500) + "+" + String(repeating: "x", count: 100_000) + "\n"
        let bytes = wire("*2\n|1\n+a\n" + deep + ":1\n" + deep)
        #expect(Scan(bytes, limits: limits).frames.count == 1)
        var reader = RESPReader(ByteBuffer(bytes: bytes))
        #expect(try reader.readAggregate().count == 2)
        #expect(try reader.readInteger() == 1)
        try reader.skip()
        #expect(reader.isAtEnd)
    }

    @Test func `a pipeline's reader finds the next reply behind one that does not fit`() throws {
        // As the driver does it: from the start of the reply again, over it.
        var reader = RESPReader(ByteBuffer(bytes: wire("*2\n-ERR a\n:1\n") + wire("%1\n+k\n_\n") + wire(":7\n")))
        for _ in 0..<2 {
            let start = reader
            #expect(throws: RESPError.self) { try [Int](from: &reader) }
            reader = start
            try reader.skip()
        }
        #expect(try Int(from: &reader) == 7)
    }

    @Test func `announces what an aggregate holds`() throws {
        for (text, count) in [("*3\n:1\n:2\n:3\n", 3), ("%1\n:1\n:2\n", 2), ("~0\n", 0), ("*?\n.\n", nil)]
            as [(String, Int?)]
        {
            var reader = RESPReader(ByteBuffer(bytes: wire(text)))
            var elements = try reader.readAggregate()
            #expect(elements.count == count)
            #expect(reader.reservation(for: elements) <= 4)
            while try reader.hasNext(&elements) { try reader.skip() }
            #expect(reader.isAtEnd)
        }
    }
}

import NIOCore
import RESP
import RESPFuzzing
import Seeded
import Testing

@Suite struct FrameScannerTests {
    @Test(arguments: Example.all)
    func `finds the end and the type of a frame, and it decodes to its value`(_ example: Example) throws {
        let scan = Scan(example.bytes)
        #expect(scan.error == nil)
        #expect(scan.frames == [Scan.Frame(type: example.type, range: 0..<example.bytes.count)])
        #expect(try decode(unscanned: example.bytes) == example.value)
    }

    @Test(arguments: Example.all)
    func `finds the same frame when it arrives in two pieces, whatever the cut`(_ example: Example) {
        let whole = Scan(example.bytes)
        for cut in 0...example.bytes.count { #expect(Scan(example.bytes, cuts: [cut]) == whole, "cut at \(cut)") }
    }

    @Test(arguments: Example.all)
    func `finds the same frame in slices of one byte and of random length`(_ example: Example) {
        let whole = Scan(example.bytes)
        #expect(Scan(example.bytes, cuts: 1..<example.bytes.count) == whole)
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20 {
            let cuts = randomCuts(of: example.bytes.count, upTo: 7, using: &random)
            #expect(Scan(example.bytes, cuts: cuts) == whole, "cuts \(cuts)")
        }
    }

    @Test(arguments: Example.all)
    func `takes no proper prefix of a frame for a frame`(_ example: Example) throws {
        for count in 0..<example.bytes.count {
            var scanner = FrameScanner()
            #expect(try scanner.scan(example.bytes.span.extracting(0..<count)) == nil, "\(count) bytes")
        }
    }

    @Test func `finds frames back to back, whatever the cut`() throws {
        for first in Example.all.indices {
            // Any two neighbours of the table, and a third one from its other end.
            let examples = [
                Example.all[first], Example.all[(first + 1) % Example.all.count],
                Example.all[Example.all.count - 1 - first],
            ]
            let bytes = examples.flatMap(\.bytes)
            let whole = Scan(bytes)
            #expect(whole.frames.map(\.type) == examples.map(\.type))
            #expect(whole.frames.map(\.range.count) == examples.map(\.bytes.count))
            for cut in 1..<bytes.count where Scan(bytes, cuts: [cut]) != whole { Issue.record("cut at \(cut)") }
        }
    }

    @Test func `finds all frames of a long stream in any slices, with all their values`() throws {
        let bytes = Example.all.flatMap(\.bytes)
        let whole = Scan(bytes)
        #expect(whole.frames.map(\.type) == Example.all.map(\.type))
        #expect(Scan(bytes, cuts: 1..<bytes.count) == whole)
        var random = SeededGenerator(seed: 2)
        for longest in [2, 3, 5, 17, 64, 500] {
            let scan = Scan(bytes, cuts: randomCuts(of: bytes.count, upTo: longest, using: &random))
            #expect(scan == whole)
            for (frame, example) in zip(scan.frames, Example.all) {
                #expect(try decode(unscanned: Array(bytes[frame.range])) == example.value)
            }
        }
    }

    @Test(arguments: [
        "*1\n>1\n:1\n", "%1\n+a\n>0\n", ">1\n>1\n:1\n", "*?\n>1\n:1\n.\n", "|1\n+a\n>1\n:1\n:1\n",
    ])
    func `refuses a push inside another element`(text: String) {
        // A reply that nobody has asked for.
        #expect(Scan(wire(text)).error == .malformed)
        #expect(Scan(wire(text), cuts: 1..<wire(text).count) == Scan(wire(text)))
    }

    @Test func `an error line split by a line end in it is followed by bytes that are no frame`() {
        // Older servers repeat arguments in error replies, line ends included.
        let scan = Scan(wire("-ERR unknown command 'a\nb'\n+OK\n"))
        #expect(scan.frames == [Scan.Frame(type: .simpleError, range: 0..<25)])
        #expect(scan.error == .malformed)
    }
}

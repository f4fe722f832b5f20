import RESP
import Testing

/// Shows that work is linear under any slicing, without a clock: what has been scanned is destroyed between two calls.
///
/// The contract says that the caller hands in the same bytes again. Here it hands in garbage in place of all that a
/// linear scanner has no reason to read again. One that starts anew, or only goes back to the start of an aggregate
/// or of a line, meets the garbage and fails.
@Suite struct FrameScannerResumeTests {
    private static let elements = [
        ":12345\n", "$3\nabc\n", "+a simple string\n", "_\n", "*0\n", "#t\n", ",1.5\n", "$0\n\n", "*-1\n",
    ]
    private static let inner = ["%?\n", "+k\n", "$?\n", ";1\nx\n", ";0\n", ".\n"]
    private static let deep = Array(repeating: "*2\n", count: 60) + Array(repeating: ":1\n", count: 61)
    /// What each frame is made of: headers and elements without elements, each of which a scanner takes in one step.
    static let frames: [(name: String, pieces: [String])] = [
        ("an array", ["*100000\n"] + (0..<100_000).map { elements[$0 % elements.count] }),
        ("a map", ["%5000\n"] + (0..<10_000).map { elements[$0 % 4] }),
        ("small arrays in an array", ["*2500\n"] + (0..<2500).flatMap { _ in ["*3\n", ":1\n", "$2\nab\n", "~0\n"] }),
        ("a streamed array", ["*?\n"] + (0..<10_000).map { elements[$0 % elements.count] } + [".\n"]),
        ("a streamed string", ["$?\n"] + (0..<5000).map { _ in ";7\nstreams\n" } + [";0\n"]),
        ("streams in streams", ["*?\n"] + (0..<1500).flatMap { _ in inner } + [".\n"]),
        ("attributes in a row", (0..<2500).flatMap { _ in ["|1\n", "+a\n", ":1\n"] } + [":1\n"]),
        ("attributed elements", ["~1500\n"] + (0..<1500).flatMap { _ in ["|1\n", "+a\n", "*1\n", ":1\n", "$1\nx\n"] }),
        ("deep arrays", ["*100\n"] + (0..<100).flatMap { _ in deep }),
        ("a push", [">10000\n"] + (0..<10_000).map { elements[$0 % elements.count] }),
    ]

    @Test(arguments: frames.map(\.name), [1, 7, 1000])
    func `does not read scanned elements again`(name: String, slice: Int) throws {
        let frame = try #require(Self.frames.first { $0.name == name })
        let pieces = frame.pieces.map(wire)
        var bytes = pieces.flatMap(\.self)
        let count = bytes.count
        var scanner = FrameScanner()
        var pending = 0
        var pendingStart = 0
        var received = 0
        while received < count {
            received = min(received + slice, count)
            let length = try scanner.scan(bytes.span.extracting(0..<received))
            guard received < count else {
                #expect(length == count)
                return
            }
            try #require(length == nil)
            while pendingStart + pieces[pending].count <= received {
                for _ in pieces[pending] {
                    bytes[pendingStart] = 0xFF
                    pendingStart += 1
                }
                pending += 1
            }
        }
    }

    @Test(arguments: ["+", "-", ","], [1, 3, 100])
    func `does not read the scanned part of a long line again`(type: String, slice: Int) throws {
        var bytes = wire(type + String(repeating: "7", count: 60_000) + "\n")
        let count = bytes.count
        var scanner = FrameScanner()
        var received = 0
        while received < count {
            let before = received
            received = min(received + slice, count)
            let length = try scanner.scan(bytes.span.extracting(0..<received))
            #expect(length == (received < count ? nil : count))
            // A line feed would be an error. The type and the last byte received may be needed again.
            for index in max(before - 1, 1)..<max(received - 1, 1) where received < count { bytes[index] = 0x0A }
        }
    }

    @Test(arguments: ["$", "=", "!", "*1\n$", "$?\n;"])
    func `never reads the body of a bulk string`(start: String) throws {
        // Line ends, headers and anything else in the body are nothing but bytes, before and behind any cut.
        let body = "txt:" + String(repeating: "\n$-1\n*9\nx", count: 2000)
        let end = start.hasSuffix(";") ? "\n;0\n" : "\n"
        let header = wire(start + "\(wire(body).count)\n")
        var bytes = header + wire(body + end)
        // A verbatim string has its format in the first four bytes.
        let first = header.count + 4
        let count = bytes.count
        var scanner = FrameScanner()
        for received in stride(from: header.count, to: count - wire(end).count, by: 3) {
            #expect(try scanner.scan(bytes.span.extracting(0..<received)) == nil)
            for index in max(received - 3, first)..<max(received, first) { bytes[index] = 0xFF }
        }
        #expect(try scanner.scan(bytes.span) == count)
    }
}

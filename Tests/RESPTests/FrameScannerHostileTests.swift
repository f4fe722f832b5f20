import RESP
import RESPFuzzing
import Testing

@Suite struct FrameScannerHostileTests {
    /// Scans in one piece and byte by byte; both must come to the same end.
    private func scan(_ text: String) -> Scan {
        let bytes = wire(text)
        let scan = Scan(bytes)
        #expect(Scan(bytes, cuts: 1..<max(bytes.count, 1)) == scan)
        return scan
    }

    /// A chunk is looked at inside of a streamed string, where it may stand.
    static let headers = ["$", "=", "!", "*", "%", "~", ">", "|", "$?\n;", "*1\n$", "*1\n*", "%1\n%", "~1\n=", "|1\n$"]

    @Test(
        arguments: headers,
        [
            "2147483648", "4294967295", "4294967296", "4611686018427387904", "9223372036854775807",
            "0009223372036854775",
        ]
    )
    func `refuses a count beyond the limit before memory is spent on it`(header: String, number: String) {
        #expect(self.scan(header + number + "\n").error == .limitExceeded)
    }

    @Test(
        arguments: headers,
        [
            "9223372036854775808", "9999999999999999999", "18446744073709551615", "18446744073709551617",
            "99999999999999999999", "999999999999999999999999999999", "000000000000000000001", "00000000000000000000",
            "-2", "-0", "-10", "-9223372036854775808", "-", "--1", "-1 ", "-1-1", "+1", "+", " 1", "1 ", "1 1", "", " ",
            "a",
            "1a", "0x10", "1e3", "1.0", "1-", "1?", "??", "? ", "?1", "-?", "\t1", "\01", "\u{FF11}", "\u{0661}", "1\r",
            "\r1",
        ]
    )
    func `refuses a count that is no number`(header: String, number: String) {
        #expect(self.scan(header + number + "\n").error == .malformed)
    }

    @Test(arguments: ["=", "!", "%", "~", ">", "|", "$?\n;"])
    func `only bulk strings and arrays have a null of RESP2`(header: String) {
        #expect(self.scan(header + "-1\n").error == .malformed)
    }

    @Test(arguments: ["=", "!", ">", "|", "$?\n;"])
    func `only bulk strings, arrays, sets and maps can be streamed`(header: String) {
        #expect(self.scan(header + "?\n").error == .malformed)
    }

    @Test func `waits while an unfinished header can still become a good one`() {
        for text in [
            "$", "$-", "$-1", "$-1\r", "$?", "$?\r", "$1", "$1\r", "*", "*9223372036854775807", "%0\r", ";", ";1",
        ] {
            #expect(self.scan(text) == Scan([]))
        }
    }

    @Test(arguments: [
        // Line ends.
        "+OK\r+", "+OK\r\r\n", "+a\r:1\n", ":1\rx", "_\r_", "#t\r0", "$1\rx", "$-1\rx", "*?\rx", ".\rx",
        // Bodies that are longer or shorter than announced.
        "$3\nabcd\n", "$3\nabcXY", "$3\nabc\rX", "$3\nab\n+", "$0\nx\n", "$0\nab", "!1\nERR\n", "=5\ntxt:ab\n",
        "$?\n;1\nab\n", "*1\n$1\nab\n",
        // Scalars.
        "_x\n", "_ \n", "#\n", "#tt\n", "#T\n", "#1\n", ":\n", ":-\n", ":+\n", ": 1\n", ":1 \n", ":1.0\n", ":--1\n",
        ":9223372036854775808\n", ":-9223372036854775809\n", ":99999999999999999999\n", ":1a\n", ":0x1\n", ",\n", "(\n",
        "(-\n", "(12a\n", "( 1\n", "(1.5\n", "=3\ntxt\n", "=0\n\n", "=4\ntext\n", "=6\ntxt+ab\n",
        // Parts of streams in the wrong place.
        ".\n", "*1\n.\n", "%1\n+a\n.\n", "*?\n.x\n", "*?\n*1\n.\n", ";1\nx\n", ";0\n", "*1\n;0\n", "*?\n;0\n",
        "$?\n$1\nx\n", "$?\n:1\n", "$?\n.\n", "$?\n|1\n+a\n:1\n;0\n", "$?\n*0\n", "$?\n_\n",
        // Other protocols.
        "PING\n", "GET / HTTP/1.1\n", "\n", "\u{16}\u{3}\u{1}", " +OK\n", "*1\nOK\n", "\0",
    ])
    func `refuses malformed bytes`(text: String) {
        let scan = self.scan(text)
        #expect(scan.error == .malformed)
        #expect(scan.frames.isEmpty)
    }

    @Test(arguments: ["+OK", ":1", "-ERR", ",1", "(1", "_", "#t", "$1", "$-1", "*1", "*?", "|0", "%1", "*?\r\n."])
    func `refuses a bare line feed and a line feed before the carriage return`(line: String) {
        for end in [[0x0A], [0x0A, 0x0D], [0x0D, 0x0D, 0x0A]] as [[UInt8]] {
            let bytes = Array(line.utf8) + end
            #expect(Scan(bytes).error == .malformed)
            #expect(Scan(bytes, cuts: 1..<bytes.count).error == .malformed)
        }
    }

    @Test func `refuses every type byte that is none`() {
        let types = Set("+-:$*_#,(!=%~>|;.".utf8)
        for byte in UInt8.min...UInt8.max where !types.contains(byte) {
            #expect(Scan([byte]).error == .malformed, "byte \(byte)")
            #expect(Scan(wire("*1\n") + [byte]).error == .malformed, "byte \(byte) in an array")
        }
    }

    @Test(arguments: [
        "*1\n", "~1\n", "%1\n", "|1\n", "*?\n", "~?\n", "%?\n", "*1\n~?\n%1\n|1\n", "*2\n:1\n", "%1\n+a\n",
    ])
    func `refuses a million opening aggregates`(header: String) {
        // The error comes at the cap, not when all of them have been taken in.
        let opening = million(header)
        #expect(Scan(opening).error == .limitExceeded)
        // At most two lines for one level in the headers above.
        let cap = 2 * 65 * wire(header).count
        #expect(Scan(Array(opening.prefix(cap)), cuts: 1..<cap).error == .limitExceeded)
    }

    @Test func `keeps a flat stack when the limit allows a million levels`() throws {
        var limits = RESPLimits()
        limits.maximumDepth = 1_000_000
        let bytes = million("*1\n").prefix(4_000_000) + wire(":1\n")
        var scanner = FrameScanner(limits: limits)
        #expect(try scanner.scan(Array(bytes).span) == bytes.count)
    }
}

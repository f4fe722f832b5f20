import RESP
import RESPFuzzing
import Testing

@Suite struct FrameScannerLimitTests {
    /// Ten of everything but depth, which is three.
    static let limits: RESPLimits = {
        var limits = RESPLimits()
        limits.maximumBulkBytes = 10
        limits.maximumElements = 10
        limits.maximumLineBytes = 10
        limits.maximumDepth = 3
        return limits
    }()

    /// Scans in one piece and byte by byte; both must come to the same end.
    private func scan(_ text: String, limits: RESPLimits = limits) -> Scan {
        let bytes = wire(text)
        let scan = Scan(bytes, limits: limits)
        #expect(Scan(bytes, cuts: 1..<max(bytes.count, 1), limits: limits) == scan)
        return scan
    }

    @Test(arguments: ["$", "=", "!", "*1\n$", "$?\n;", "|1\n+a\n:1\n$"])
    func `a bulk string at the limit passes, one byte more is refused before it comes`(start: String) {
        #expect(self.scan(start + "10\n").error == nil)
        #expect(self.scan(start + "10\n012:456789\n" + (start.hasSuffix(";") ? ";0\n" : "")).frames.count == 1)
        #expect(self.scan(start + "11\n").error == .limitExceeded)
        // Not even when all of it is there already.
        #expect(self.scan(start + "11\n012:456789a\n").error == .limitExceeded)
    }

    @Test(arguments: ["*", "~", ">", "%", "|", "+OK\n*", "*1\n~", "|1\n+a\n:1\n>"])
    func `an aggregate at the limit passes, one element more is refused before any comes`(start: String) {
        // A map and an attribute count keys and values.
        let most = start.hasSuffix("%") || start.hasSuffix("|") ? 5 : 10
        let described = start == "|" ? ":1\n" : ""
        let elements = String(repeating: ":1\n", count: 10)
        #expect(self.scan(start + "\(most)\n").error == nil)
        #expect(self.scan(start + "\(most)\n" + elements + described).frames.last?.range.upperBound != nil)
        #expect(self.scan(start + "\(most)\n" + elements + described).error == nil)
        #expect(self.scan(start + "\(most + 1)\n").error == .limitExceeded)
    }

    @Test(arguments: ["*1\n", "~1\n", "%1\n", "|1\n", "*?\n", "~?\n", "%?\n"])
    func `nesting at the limit passes, one level more is refused by its header`(header: String) {
        #expect(self.scan(String(repeating: header, count: 3)).error == nil)
        #expect(self.scan(String(repeating: header, count: 4)).error == .limitExceeded)
        #expect(self.scan(header + header + "$?\n;1\n").error == nil)
        #expect(self.scan(header + header + header + "$?\n").error == .limitExceeded)
        #expect(self.scan("*1\n*1\n*1\n:1\n").frames.count == 1)
    }

    @Test(arguments: ["+", "-", ",", "(", "*1\n+"])
    func `a line at the limit passes, one byte more is refused before its end comes`(start: String) {
        #expect(self.scan(start + "1234567890\n").frames.count == 1)
        #expect(self.scan(start + "1234567890").error == nil)
        #expect(self.scan(start + "12345678901").error == .limitExceeded)
    }

    @Test func `a streamed array at the limit passes, one element more is refused`() {
        // A stream that never ends must not be taken in for ever.
        for type in ["*", "~", "%", "*1\n*"] {
            #expect(self.scan(type + "?\n" + String(repeating: ":1\n", count: 10) + ".\n").frames.count == 1)
            #expect(self.scan(type + "?\n" + String(repeating: ":1\n", count: 11)).error == .limitExceeded)
            #expect(
                self.scan(type + "?\n" + String(repeating: "|1\n:1\n:1\n:1\n", count: 10) + ".\n").frames.count == 1
            )
        }
    }

    @Test func `a streamed string at the limit passes, one byte more is refused before it comes`() {
        let nine = "$?\n;4\nabcd\n;5\nefghi\n"
        #expect(self.scan(nine + ";1\nj\n;0\n").frames.count == 1)
        #expect(self.scan(nine + ";2\n").error == .limitExceeded)
        #expect(self.scan("*1\n" + nine + ";2\n").error == .limitExceeded)
        #expect(self.scan("*2\n" + nine + ";0\n" + nine + ";1\nj\n;0\n").frames.count == 1)
    }

    @Test func `the defaults are those of the documentation`() {
        #expect(self.scan("$536870912\n", limits: RESPLimits()).error == nil)
        #expect(self.scan("$536870913\n", limits: RESPLimits()).error == .limitExceeded)
        #expect(self.scan("*67108864\n", limits: RESPLimits()).error == nil)
        #expect(self.scan("*67108865\n", limits: RESPLimits()).error == .limitExceeded)
        #expect(self.scan("%33554432\n", limits: RESPLimits()).error == nil)
        #expect(self.scan("%33554433\n", limits: RESPLimits()).error == .limitExceeded)
        #expect(self.scan(String(repeating: "*1\n", count: 64) + ":1\n", limits: RESPLimits()).frames.count == 1)
        #expect(self.scan(String(repeating: "*1\n", count: 65), limits: RESPLimits()).error == .limitExceeded)
        #expect(self.scan("+" + String(repeating: "x", count: 65_536) + "\n", limits: RESPLimits()).frames.count == 1)
        #expect(self.scan("+" + String(repeating: "x", count: 65_537), limits: RESPLimits()).error == .limitExceeded)
    }

    @Test func `limits of nothing and limits of everything do not trap`() {
        var limits = RESPLimits()
        (limits.maximumBulkBytes, limits.maximumElements) = (.max, .max)
        (limits.maximumLineBytes, limits.maximumDepth) = (.max, .max)
        for number in ["9223372036854775807", "4611686018427387904", "4611686018427387903"] {
            for type in ["$", "=", "!", "*", "~", ">", "%", "|", "$?\n;"] {
                let isMap = type == "%" || type == "|"
                let overflows = isMap && number != "4611686018427387903"
                #expect(
                    self.scan(type + number + "\nx", limits: limits).error
                        == (overflows ? .limitExceeded : self.ofX(type))
                )
            }
        }
        (limits.maximumBulkBytes, limits.maximumElements) = (0, 0)
        (limits.maximumLineBytes, limits.maximumDepth) = (0, 0)
        for text in ["$1\n", "*1\n", "%1\n", "|1\n", "$?\n", "*?\n", "+x"] {
            #expect(self.scan(text, limits: limits).error == .limitExceeded)
        }
        for text in ["$0\n\n", "*0\n", "%0\n", "$-1\n", "*-1\n", "_\n", "+\n"] {
            #expect(self.scan(text, limits: limits).frames.count == 1)
        }
    }

    /// The byte `x` is an unknown type inside an aggregate, and a first byte inside a string.
    private func ofX(_ type: String) -> RESPError.Code? { "*~>%|".contains(type) ? .malformed : nil }
}

import PropertyFiles
import Testing

@Suite struct PropertyFileTests {
    @Test(arguments: javaCases)
    func `reads what Java reads`(example: JavaCase) throws {
        let file = try PropertyFile(example.text, named: "java.properties")
        // By bytes, because strings that differ only in their Unicode form are equal in Swift.
        let read = file.entries.map { [Array($0.key.utf8), Array($0.rawValue.utf8)] }
        #expect(read == example.pairs.map { $0.map { Array($0.utf8) } })
    }

    @Test(arguments: ["\n", "\r", "\r\n"])
    func `counts lines whatever ends them`(end: String) throws {
        let lines = ["# comment", "", "a=1", "  b = 2,\\", "   3,\\", "   4", "! comment \\", "c", "", "\\", "d=5"]
        let file = try PropertyFile(lines.joined(separator: end), named: "x")
        #expect(file.entries.map(\.key) == ["a", "b", "c", "d"])
        #expect(file.entries.map(\.line) == [3, 4, 8, 10])
        #expect(file.entries.map(\.rawValue) == ["1", "2,3,4", "", "5"])
    }

    @Test func `a comment after a lone backslash does not count as the start of a property`() throws {
        let file = try PropertyFile("\\\n# comment\na=1", named: "x")
        #expect(file.entries.map(\.line) == [3])
    }

    @Test func `keeps the order of the file`() throws {
        let file = try PropertyFile("z=1\ny=2\nx=3", named: "x")
        #expect(file.entries.map(\.key) == ["z", "y", "x"])
        #expect(file.name == "x")
    }

    @Test func `skips a byte order mark at the start only`() throws {
        let marked = try PropertyFile("\u{FEFF}a=1\n\u{FEFF}b=2", named: "x")
        #expect(marked.entries.map(\.key) == ["a", "\u{FEFF}b"])
    }

    @Test(arguments: [
        #"a=\u"#, #"a=\u0"#, #"a=\u00"#, #"a=\u004"#, #"a=\u004g"#, #"a=\u 041"#, #"a=\uu0041"#, #"a=\u+041"#,
        #"a=\u00\41"#,
    ])
    func `refuses an escape without four digits`(text: String) {
        let error = #expect(throws: PropertyError.self) { try PropertyFile("# first\n" + text, named: "x.properties") }
        let problem = PropertyProblem(
            .malformed,
            at: .file("x.properties", line: 2),
            property: "a",
            "a \\u escape without four hexadecimal digits"
        )
        #expect(error?.problems == [problem])
        #expect(error?.code == .malformed)
    }

    @Test(arguments: [
        #"a=\ud83d"#, #"a=\ude00"#, #"a=\ud83dx"#, #"a=\ud83d\n"#, #"a=\ud83d\ud83d"#, #"a=\ud83d\u0041"#,
        #"a=\ude00\ud83d"#, #"a=\ud83d\\ude00"#,
    ])
    func `refuses half of a surrogate pair`(text: String) {
        let error = #expect(throws: PropertyError.self) { try PropertyFile(text, named: "x") }
        #expect(error?.description == "x:1: a: a \\u escape for one half of a surrogate pair, without the other half")
    }

    @Test func `a broken key is reported without a name`() {
        let error = #expect(throws: PropertyError.self) { try PropertyFile(#"a\ux=1"#, named: "x") }
        #expect(error?.problems.map(\.property) == [nil])
        #expect(error?.description == "x:1: a \\u escape without four hexadecimal digits")
    }

    @Test func `tells every broken line at once and none of the values`() {
        let text = #"""
            password=geheim\u00
            b=1
            c=geheim\ud800
            b=geheim
            """#
        let error = #expect(throws: PropertyError.self) { try PropertyFile(text, named: "x") }
        #expect(error?.problems.map(\.code) == [.malformed, .malformed, .duplicate])
        #expect(error?.problems.map(\.source.line) == [1, 3, 4])
        #expect(error?.description.contains("geheim") == false)
    }

    @Test func `names both places of a repeated key`() {
        let text = "a=1\nb=2\n\na:1\na 1"
        let error = #expect(throws: PropertyError.self) { try PropertyFile(text, named: "x.properties") }
        #expect(
            error?.description == """
                x.properties:4: a: already set at x.properties:1
                x.properties:5: a: already set at x.properties:1
                """
        )
        #expect(error?.code == .duplicate)
    }

    private static let invalid: [(start: String, bytes: [UInt8], end: String, line: Int)] = [
        ("", [0xFF], "", 1), ("a=1\nb=", [0xE9], "", 2), ("a=1\r\nb=2\r\rc=", [0xC3, 0x0A, 0xA9], "", 4),
        ("a=1\nb=", [0xED, 0xA0, 0x80], "\nc=1", 2), ("", [0xC0, 0x80], "", 1), ("\u{FEFF}\n", [0xFE], "\n", 2),
    ]

    @Test(arguments: Self.invalid)
    func `names the first line that is not UTF-8`(start: String, bad: [UInt8], end: String, line: Int) {
        let bytes = Array(start.utf8) + bad + Array(end.utf8)
        let error = #expect(throws: PropertyError.self) { try PropertyFile(bytes: bytes, named: "x") }
        #expect(error?.problems == [PropertyProblem(.malformed, at: .file("x", line: line), "not UTF-8")])
    }

    @Test func `does not show values when printed`() throws {
        let file = try PropertyFile("password=geheim", named: "x")
        var dumped = ""
        dump(file, to: &dumped)
        #expect(file.description == "x (1 properties)")
        #expect(!"\(file) \(file.entries) \(String(reflecting: file.entries)) \(dumped)".contains("geheim"))
        #expect(dumped.contains("password"))
    }
}

import PropertyFiles
import Testing

@Suite struct PropertyErrorTests {
    @Test func `prints a problem on one line with place, property, value and what is allowed`() {
        let problem = PropertyProblem(
            .invalid,
            at: .file("redis.properties", line: 12),
            property: "com.example.database",
            value: "abc",
            "not a whole number",
            allowed: "a whole number from 0 to 15"
        )
        let line = """
            redis.properties:12: com.example.database = abc: not a whole number; allowed: a whole number from 0 to 15
            """
        #expect(problem.description == line)
    }

    @Test func `prints every kind of place`() {
        #expect(PropertySource.file("a.properties", line: 3).description == "a.properties:3")
        #expect(PropertySource.file("a.properties").description == "a.properties")
        #expect(PropertySource.environment("A_B").description == "environment variable A_B")
        #expect(PropertySource.default.description == "default")
        #expect(PropertySource.file("a", line: 3).file == "a")
        #expect(PropertySource.file("a", line: 3).line == 3)
        #expect(PropertySource.environment("A_B").environmentVariable == "A_B")
        #expect(PropertySource.default.isDefault)
        #expect(!PropertySource.environment("A_B").isDefault)
    }

    @Test func `orders by file and line, the environment and defaults last`() {
        let sources: [PropertySource] = [
            .default, .environment("B"), .file("b", line: 1), .file("a", line: 10), .environment("A"),
            .file("a", line: 9),
            .file("a"),
        ]
        let sorted = ["a", "a:9", "a:10", "b:1", "environment variable A", "environment variable B", "default"]
        #expect(sources.sorted().map(\.description) == sorted)
    }

    @Test func `lists one problem per line, sorted`() {
        let text = "b=1\na=\\u0\nb=2\n\\u0=3"
        let error = #expect(throws: PropertyError.self) { try PropertyFile(text, named: "x") }
        #expect(
            error?.description == """
                x:2: a: a \\u escape without four hexadecimal digits
                x:3: b: already set at x:1
                x:4: a \\u escape without four hexadecimal digits
                """
        )
        #expect(error?.code == .malformed)
        #expect(error?.origin.hasPrefix("PropertyFiles/") == true)
        #expect(error?.cause == nil)
    }

    @Test func `a file cannot break or forge a line of a message`() {
        let key = #"a\nx.properties\:7\:\ b\:\ fine\u202E\u2028"#
        let error = #expect(throws: PropertyError.self) { try PropertyFile("\(key)=1\n\(key)=2", named: "x\ny") }
        let lines = error?.description.split(whereSeparator: \.isNewline)
        #expect(lines?.count == 1)
        #expect(error?.description.contains(#"a\u{A}x.properties:7: b: fine\u{202E}\u{2028}"#) == true)
    }

    @Test func `cuts long values and keys`() {
        let long = String(repeating: "x", count: 100_000)
        let problem = PropertyProblem(.invalid, at: .default, property: long, value: long, "wrong")
        #expect(problem.description.utf8.count < 500)
        #expect(problem.value == long)
    }
}

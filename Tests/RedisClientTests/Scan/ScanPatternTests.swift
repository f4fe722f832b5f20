import RESP
import RedisClient
import TestServers
import Testing

@Suite struct ScanPatternTests {
    @Test(arguments: [
        ("", ""), ("abc", "abc"), ("a*b", "a\\*b"), ("?", "\\?"), ("[a-c]", "\\[a-c\\]"), ("\\", "\\\\"),
        ("\\*", "\\\\\\*"),
        // A combining mark makes one character of the star and itself; the server sees a star.
        ("*\u{301}", "\\*\u{301}"), ("é🚣", "é🚣"), ("^-!", "^-!"),
    ])
    func `user text is made literal`(text: String, pattern: String) {
        check(ScanPattern.literal(text).text, pattern)
        check(ScanPattern.prefix(text).text, pattern + "*")
        let interpolated: ScanPattern = "a*\(text)?"
        check(interpolated.text, "a*" + pattern + "?")
        let nested: ScanPattern = "x:\(ScanPattern.prefix(text)):\(7)"
        check(nested.text, "x:" + pattern + "*:7")
        check(ScanPattern(text).text, text)
    }

    /// A name with pattern characters finds itself and nothing else.
    @Test(arguments: SharedServers.Name.allCases.filter { $0 != .redisWithoutHSETEX })
    func `a literal pattern finds exactly its text`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "pattern:\(UInt64.random(in: 0 ... .max))"
            let pieces = ["a", "b", "*", "?", "[", "]", "\\", "^", "-", "*\u{301}", "\r\n", "é"]
            var random = SystemRandomNumberGenerator()
            var texts: Set<String> = ["*", "?", "a*b", "axb", "a\\*b", "[ab]", "a", "\\", "\\\\"]
            while texts.count < 300 {
                let length = Int.random(in: 1...5, using: &random)
                texts.insert((0..<length).map { _ in pieces.randomElement(using: &random) ?? "" }.joined())
            }
            let bytes = Set(texts.map { Array($0.utf8) })
            _ = try await client.execute(SADD(key, Array(bytes)))
            for text in texts {
                let found = try await ScanTests.all(client.sscan(key, matching: .literal(text), count: 1000))
                #expect(found.map { Array($0.utf8) } == [Array(text.utf8)])
            }
            let prefixed = try await ScanTests.all(client.sscan(key, matching: .prefix("a*"), count: 1000))
            check(Set(prefixed.map { Array($0.utf8) }), bytes.filter { $0.starts(with: "a*".utf8) })
        }
    }
}

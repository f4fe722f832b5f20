import PropertyFiles
import Testing

@Suite struct SecretTests {
    private struct Credentials {
        let user = "ox"
        let password: Secret = "geheim"
        let maybe: Secret? = "geheim"
        let several: [String: [Secret]] = ["a": ["geheim"]]
    }

    @Test func `shows nothing however it is printed`() {
        let secret: Secret = "geheim"
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Credentials(), to: &dumped)
        let printed = "\(secret) \(secret.debugDescription) \(String(describing: secret)) \(String(reflecting: secret))"
        let nested = "\(Credentials()) \(String(reflecting: Credentials()))"
        #expect(printed == "<redacted> <redacted> <redacted> <redacted>")
        #expect(!(nested + dumped).contains("geheim"))
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test func `gives the text away when asked to`() {
        #expect(Secret("geheim").reveal() == "geheim")
        #expect(Secret("").isEmpty)
        #expect(!Secret(" ").isEmpty)
    }

    @Test func `compares bytes, not Unicode equivalence`() {
        let composed = Secret("\u{E9}")
        let decomposed = Secret("e\u{301}")
        #expect(composed == Secret("\u{E9}"))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
    }
}

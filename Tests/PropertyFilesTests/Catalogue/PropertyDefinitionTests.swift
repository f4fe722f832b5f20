import PropertyFiles
import Testing

@Suite struct PropertyDefinitionTests {
    private func accepts(_ kind: PropertyDefinition.Kind, _ text: String, default: String = "0") -> Bool {
        PropertyDefinition("a", kind, default: `default`, "").accepts(text)
    }

    @Test(arguments: ["true", "TRUE", "True", "false", "FALSE", "fAlSe"])
    func `a boolean is true or false in whatever case`(text: String) {
        #expect(self.accepts(.boolean, text))
    }

    @Test(arguments: ["", "yes", "no", "1", "0", "on", "t", "true ", "tru", "truee", "fal\u{17F}e", "\u{FF54}rue"])
    func `nothing else is a boolean`(text: String) {
        #expect(!self.accepts(.boolean, text))
    }

    @Test(arguments: ["0", "5", "+5", "-5", "007", "-0", "+0", "9223372036854775807", "-9223372036854775808"])
    func `a whole number has an optional sign`(text: String) {
        #expect(self.accepts(.integer(.min ... .max), text))
    }

    @Test(arguments: [
        "", "+", "-", "+-5", "--5", "5.0", "5e3", "0x10", "1_000", "1,000", " 5", "5 ", "5L", "\u{665}", "\u{FF15}",
        "\u{2212}5", "5\0",
        "9223372036854775808", "-9223372036854775809", String(repeating: "9", count: 5000),
    ])
    func `nothing else is a whole number, however long`(text: String) {
        #expect(!self.accepts(.integer(.min ... .max), text))
        #expect(!self.accepts(.bytes(.min ... .max), text))
        #expect(!self.accepts(.seconds(.min ... .max), text))
        #expect(!self.accepts(.milliseconds(.min ... .max), text))
    }

    @Test(arguments: [("0", true), ("10", true), ("-1", false), ("11", false)])
    func `limits belong to the range`(text: String, accepted: Bool) {
        #expect(self.accepts(.integer(0...10), text) == accepted)
        #expect(self.accepts(.decimal(0...10), text) == accepted)
    }

    @Test(arguments: [("-1", true), ("-01", true), ("-2", false), ("0", false), ("11", false), ("", false)])
    func `a limit may be -1 for none`(text: String, accepted: Bool) {
        let limit = PropertyDefinition("a", .integer(1...10), default: "5", noLimit: true, "")
        #expect(limit.accepts(text) == accepted)
        #expect(limit.allowed == "a whole number from 1 to 10, or -1 for no limit, which is 10")
    }

    @Test(arguments: ["0", "1.5", "+1.5", "-1.5", ".5", "1e3", "1E-3"])
    func `a number may have a fraction and an exponent`(text: String) {
        #expect(self.accepts(.decimal(-1000...1000), text))
    }

    @Test(arguments: ["", "nan", "inf", "infinity", "-inf", "1e999", "0x1p3", "1,5", "1.5d", "e", ".", "--1", "1 "])
    func `no other form is a number`(text: String) {
        #expect(!self.accepts(.decimal(-.greatestFiniteMagnitude ... .greatestFiniteMagnitude), text))
    }

    @Test(arguments: [
        ("one", true), ("ONE", true), ("Two", true), ("", false), ("on", false), ("\u{212A}", false), ("ones", false),
    ])
    func `a word may have any case`(text: String, accepted: Bool) {
        #expect(self.accepts(.enumeration(["one", "two", "k"]), text) == accepted)
    }

    @Test func `any property may be empty if its default is`() {
        #expect(self.accepts(.boolean, "", default: ""))
        #expect(self.accepts(.integer(0...1), "", default: ""))
        #expect(self.accepts(.string, "", default: "x"))
        #expect(self.accepts(.list, ""))
    }

    @Test func `every default of a catalogue can be checked`() {
        #expect(exampleCatalogue.definitions.allSatisfy { $0.accepts($0.default) })
    }

    @Test func `a kind knows its unit and says what is allowed`() {
        #expect(PropertyDefinition.Kind.seconds(0...1).unit == "seconds")
        #expect(PropertyDefinition.Kind.milliseconds(0...1).unit == "milliseconds")
        #expect(PropertyDefinition.Kind.bytes(0...1).unit == "bytes")
        #expect(PropertyDefinition.Kind.integer(0...1).unit == nil)
        #expect(PropertyDefinition.Kind.string.allowed == "a text")
        #expect(PropertyDefinition.Kind.list.allowed == "texts separated by commas")
    }

    @Test func `a catalogue with a key twice is a mistake of the program`() async {
        await #expect(processExitsWith: .failure) {
            let definition = PropertyDefinition("a", .string, "")
            _ = PropertyCatalogue(families: [], [definition, definition])
        }
    }
}

import PropertyFiles
import Testing

@Suite struct VariableExpansionTests {
    private static let environment = [
        "HOST": "redis.example.com", "PORT": "7000", "EMPTY": "", "TRICKY": "${HOST}$${x}", "_x1": "under",
        "BRACE": "}",
        "SPACED": "  padded  ",
    ]

    private func expanded(_ value: String) throws -> String? {
        try PropertySet("a=" + value, named: "x", environment: Self.environment)["a"]?.text
    }

    @Test(arguments: [
        ("plain", "plain"), ("${HOST}", "redis.example.com"), ("${HOST}:${PORT}", "redis.example.com:7000"),
        ("x${PORT}y", "x7000y"), ("${EMPTY}", ""), ("[${EMPTY}]", "[]"), ("${_x1}", "under"), ("${SPACED}", "padded"),
        ("${NONE:-fallback}", "fallback"), ("${EMPTY:-fallback}", "fallback"), ("${PORT:-6379}", "7000"),
        ("${NONE:-}", ""), ("[${NONE:-}]", "[]"), ("${NONE:- x }|", "x |"), ("${NONE:-a:-b}", "a:-b"),
        ("${NONE:-${PORT}}", "7000"), ("${NONE:-${NADA:-x}}", "x"), ("${NONE:-a${NADA:-b${PORT}c}d}e", "ab7000cde"),
        ("${PORT:-${NADA}}", "7000"), ("${PORT:-${NADA:-${ALSO}}}!", "7000!"), ("${PORT:-$${x}", "7000"),
        ("${NONE:-{}", "{"), ("${NONE:-{}}", "{}"), ("${NONE:-$${x}", "${x"),
        ("$${HOST}", "${HOST}"), ("$$${HOST}", "$${HOST}"), ("a$${", "a${"), ("$", "$"), ("$$", "$$"), ("a$b$", "a$b$"),
        ("$HOST", "$HOST"), ("{HOST}", "{HOST}"), ("}", "}"), ("${PORT}}", "7000}"), ("pa$$w0rd", "pa$$w0rd"),
        ("${NONE:-$}${PORT}", "$7000"), ("${BRACE}${PORT}", "}7000"), ("${NONE:-${BRACE}x}", "}x"),
        ("ü${PORT}€", "ü7000€"), ("${NONE:-é}", "é"),
    ])
    func `replaces references`(value: String, expected: String) throws {
        #expect(try self.expanded(value) == expected)
    }

    @Test func `does not expand what a variable holds`() throws {
        #expect(try self.expanded("${TRICKY}") == "${HOST}$${x}")
        #expect(try self.expanded("${NONE:-${TRICKY}}") == "${HOST}$${x}")
    }

    @Test func `replaces references after the escapes of the file`() throws {
        #expect(try self.expanded(#"\u0024{PORT}"#) == "7000")
        #expect(try self.expanded(#"\${PORT}"#) == "7000")
        #expect(try self.expanded("${POR\\\n  T}") == "7000")
    }

    @Test func `leaves keys alone`() throws {
        let set = try PropertySet("${HOST}=1", named: "x", environment: Self.environment)
        #expect(set.keys == ["${HOST}"])
    }

    @Test(arguments: ["${NONE}", "a${NONE}b", "${EMPTY:-${NONE}}", "${NADA:-x${NONE}}"])
    func `an unset variable is an error that names the property`(value: String) {
        let error = #expect(throws: PropertyError.self) { try self.expanded("1\nb.c=" + value) }
        let message = "an environment variable that the value refers to by ${...} is not set"
        let allowed = "${NAME:-default} for a variable that may be unset, $${ for a literal ${"
        #expect(error?.description == "x:2: b.c: \(message); allowed: \(allowed)")
        #expect(error?.code == .unresolved)
    }

    @Test(arguments: ["${", "${HOST", "a${HOST:-b", "${NONE:-${PORT}", "${HOST:-${PORT", "${HOST} ${", "${NONE:-$${x"])
    func `an unterminated reference is an error`(value: String) {
        let error = #expect(throws: PropertyError.self) { try self.expanded(value) }
        #expect(error?.description == "x:1: a: a ${ without its }; allowed: $${ for a literal ${")
        #expect(error?.code == .malformed)
    }

    @Test(arguments: [
        "${}", "${ HOST}", "${HOST }", "${1A}", "${A.B}", "${HOST:x}", "${HOST:}", "${HOST-x}", "${:-x}", "${${HOST}}",
        "${é}",
    ])
    func `a reference without a proper name is an error`(value: String) {
        let error = #expect(throws: PropertyError.self) { try self.expanded(value) }
        let allowed = "${NAME}, ${NAME:-default}, $${ for a literal ${"
        #expect(error?.description == "x:1: a: a ${ without a variable's name; allowed: \(allowed)")
        #expect(error?.code == .malformed)
    }

    @Test func `deep nesting needs no deep stack`() throws {
        let depth = 100_000
        let value = String(repeating: "${NONE:-", count: depth) + "x" + String(repeating: "}", count: depth)
        #expect(try self.expanded(value) == "x")
        #expect(throws: PropertyError.self) { try self.expanded(String(value.dropLast())) }
    }

    /// What looks like a variable's name may be a piece of a password.
    @Test(arguments: ["geheim${NONE}", "a${geheim}b", "${geheim", "${geheim:x}", "${NONE:-${geheim}}", "${1geheim}"])
    func `an error shows no part of the value`(value: String) {
        let error = #expect(throws: PropertyError.self) { try self.expanded(value) }
        #expect(error?.description.contains("geheim") == false)
        #expect(error?.description.contains("$${ for a literal ${") == true)
    }
}

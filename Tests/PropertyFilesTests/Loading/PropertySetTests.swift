import PropertyFiles
import Testing

@Suite struct PropertySetTests {
    @Test func `trims values and names their lines`() throws {
        let set = try PropertySet("# c\ncom.example.a =  1 \t\nb=\\u0009 x\\n", named: "x.properties")
        #expect(set["com.example.a"]?.text == "1")
        #expect(set["com.example.a"]?.source == .file("x.properties", line: 2))
        #expect(set["b"]?.text == "x")
        #expect(set["c"] == nil)
        #expect(set.keys == ["b", "com.example.a"])
    }

    @Test(arguments: [
        ("com.openexchange.redis.hosts", "COM_OPENEXCHANGE_REDIS_HOSTS"), ("a.bC-d_e f", "A_BC_D_E_F"),
        ("commandTimeoutMillis", "COMMANDTIMEOUTMILLIS"), ("v2.1", "V2_1"), ("é.ü", "___"), ("e\u{301}", "E_"),
        ("", ""),
    ])
    func `names a variable after the property`(key: String, variable: String) {
        #expect(PropertySet.environmentName(of: key) == variable)
    }

    @Test func `the environment overrides files and stands alone`() throws {
        let environment = ["COM_EXAMPLE_A": " from outside ", "COM_EXAMPLE_C": "${NONE}"]
        let set = try PropertySet("com.example.a=1", named: "x", environment: environment)
        #expect(set["com.example.a"]?.text == "from outside")
        #expect(set["com.example.a"]?.source == .environment("COM_EXAMPLE_A"))
        #expect(set["com.example.c"]?.text == "${NONE}")
        #expect(set["com.example.d"] == nil)
    }

    @Test func `a variable that is set to nothing counts as unset`() throws {
        let environment = ["COM_EXAMPLE_A": "", "COM_EXAMPLE_B": "", "EMPTY": ""]
        let text = "com.example.a=1${EMPTY}\ncom.example.c="
        let set = try PropertySet(text, named: "x", environment: environment)
        #expect(set["com.example.a"]?.text == "1")
        #expect(set["com.example.b"] == nil)
        #expect(set["com.example.c"]?.text == "")
        let unresolved = #expect(throws: PropertyError.self) {
            try PropertySet("com.example.a=${NONE}", named: "x", environment: environment)
        }
        #expect(unresolved?.code == .unresolved)
    }

    @Test func `a value that the environment overrides need not be resolved`() throws {
        let set = try PropertySet("com.example.a=${NONE}", named: "x", environment: ["COM_EXAMPLE_A": "1"])
        #expect(set["com.example.a"]?.text == "1")
    }

    @Test func `collects problems of every kind`() {
        let text = "a=${NONE}\nb=1\nb=2\nc=\\u1\nd=${x"
        let error = #expect(throws: PropertyError.self) { try PropertySet(text, named: "x") }
        #expect(error?.problems.map(\.code) == [.unresolved, .duplicate, .malformed, .malformed])
        #expect(error?.problems.map(\.source.line) == [1, 3, 4, 5])
        #expect(error?.code == .unresolved)
    }

    @Test func `does not show values when printed`() throws {
        let set = try PropertySet("password=geheim", named: "x", environment: ["A": "geheim"])
        var dumped = ""
        dump(set, to: &dumped)
        dump(set["password"], to: &dumped)
        #expect(set.description == "1 properties")
        let printed = "\(set) \(String(reflecting: set)) \(String(describing: set["password"])) \(dumped)"
        #expect(!printed.contains("geheim"))
        #expect(set["password"]?.description == "value from x:1")
    }
}

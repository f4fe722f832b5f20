import PropertyFiles
import Testing

@Suite struct PropertyReaderTests {
    @Test func `gives the defaults where nothing is set`() throws {
        var reader = try reader("")
        reader.scoped(to: ["com.example."]) { reader in
            #expect(reader.enumeration("mode") == "single")
            #expect(reader.enumeration("mode", or: Mode.cluster) == .single)
            #expect(reader.list("hosts") == ["localhost"])
            #expect(reader.optionalString("user") == nil)
            #expect(reader.string("user") == "")
            #expect(reader.secret("password") == nil)
            #expect(reader.boolean("ssl") == false)
            #expect(reader.integer("database") == -1)
            #expect(reader.duration("timeoutMillis") == .seconds(5))
            #expect(reader.duration("waitSeconds") == .seconds(2))
            #expect(reader.optionalDuration("waitMillis") == nil)
            #expect(reader.duration("waitMillis") == .zero)
            #expect(reader.optionalInteger("limit") == nil)
            #expect(reader.integer("sizeBytes") == 16_777_216)
            #expect(reader.decimal("factor") == 0.5)
            #expect(reader.list("sites") == [])
            #expect(reader.value(of: "ssl").source.isDefault)
            #expect(!reader.isSet("ssl"))
        }
        #expect(reader.problems.isEmpty)
        #expect(reader.warnings.isEmpty)
        try reader.check()
    }

    @Test func `reads every kind from a file`() throws {
        var reader = try reader(
            """
            com.example.mode = REPLICApreferred
            com.example.hosts = a:1, b ,, [::1]:3 ,
            com.example.user = ox
            com.example.password = geheim
            com.example.ssl = TRUE
            com.example.database = +5
            com.example.any = -9223372036854775808
            com.example.timeoutMillis = 0
            com.example.waitSeconds = 60
            com.example.waitMillis = 9223372036854775807
            com.example.limit = 0009
            com.example.sizeBytes = 9223372036854775807
            com.example.factor = 1.25e0
            """
        )
        reader.scoped(to: ["com.example."]) { reader in
            #expect(reader.enumeration("mode") == "replicaPreferred")
            #expect(reader.enumeration("mode", or: Mode.cluster) == .replicaPreferred)
            #expect(reader.list("hosts") == ["a:1", "b", "[::1]:3"])
            #expect(reader.string("user") == "ox")
            #expect(reader.secret("password") == "geheim")
            #expect(reader.boolean("ssl") == true)
            #expect(reader.integer("database") == 5)
            #expect(reader.integer("any") == .min)
            #expect(reader.duration("timeoutMillis") == .zero)
            #expect(reader.duration("waitSeconds") == .seconds(60))
            #expect(reader.optionalDuration("waitMillis") == .milliseconds(Int.max))
            #expect(reader.optionalInteger("limit") == 9)
            #expect(reader.integer("sizeBytes") == .max)
            #expect(reader.decimal("factor") == 1.25)
            #expect(reader.value(of: "ssl").source.description == "x:5")
            #expect(reader.isSet("ssl"))
        }
        try reader.check()
    }

    @Test func `collects all problems with file, line, property, value and what is allowed`() throws {
        var reader = try reader(
            """
            com.example.ssl = yes
            com.example.database = 16
            com.example.timeoutMillis = 5s

            com.example.waitSeconds = 99999999999999999999999
            com.example.mode = sentinel
            com.example.factor = nan
            com.example.any =
            com.example.limit = x
            """,
            environment: ["COM_EXAMPLE_SIZEBYTES": "16M"]
        )
        reader.scoped(to: ["com.example."]) { reader in
            #expect(reader.decimal("factor") == 0.5)
            #expect(reader.enumeration("mode") == "single")
            #expect(reader.duration("waitSeconds") == .seconds(2))
            #expect(reader.duration("timeoutMillis") == .seconds(5))
            #expect(reader.integer("database") == -1)
            #expect(reader.boolean("ssl") == false)
            #expect(reader.integer("sizeBytes") == 16_777_216)
            #expect(reader.integer("any") == 7)
            #expect(reader.optionalInteger("limit") == nil)
        }
        let error = #expect(throws: PropertyError.self) { try reader.check() }
        #expect(
            error?.description == """
                x:1: com.example.ssl = yes: neither true nor false; allowed: true or false
                x:2: com.example.database = 16: out of range; allowed: a whole number from -1 to 15
                x:3: com.example.timeoutMillis = 5s: not a whole number; allowed: a whole number of milliseconds from 0 to 60000
                x:5: com.example.waitSeconds = 99999999999999999999999: out of range; allowed: a whole number of seconds from 1 to 60
                x:6: com.example.mode = sentinel: not one of the words allowed; allowed: single, cluster, replicaPreferred
                x:7: com.example.factor = nan: not a number; allowed: a number from 0.0 to 10.0
                x:8: com.example.any = : not a whole number; allowed: a whole number from \(Int.min) to \(Int.max)
                x:9: com.example.limit = x: not a whole number; allowed: a whole number from 0 to 9
                environment variable COM_EXAMPLE_SIZEBYTES: com.example.sizeBytes = 16M: not a whole number; \
                allowed: a whole number of bytes from 1 to \(Int.max)
                """
        )
        #expect(error?.code == .invalid)
    }

    @Test func `redacts the value of a secret`() throws {
        var reader = try reader("com.example.pin=geheim\ncom.example.password=geheim")
        #expect(reader.integer("com.example.pin") == 0)
        reader.refuse("com.example.password", "needs a user")
        reader.warn("com.example.password", "is short")
        #expect(reader.problems.map(\.value) == ["<redacted>", "<redacted>"])
        #expect(reader.problems.first?.description.hasPrefix("x:1: com.example.pin = <redacted>: not a whole") == true)
        #expect(!"\(reader.problems) \(reader.warnings)".contains("geheim"))
    }

    @Test func `the first prefix that is set wins, even with an empty value`() throws {
        var reader = try reader(
            """
            com.example.hosts = main
            com.example.user = ox
            com.example.password = geheim
            com.example.second.hosts = second
            com.example.second.password =
            com.example.sites = a
            """
        )
        reader.addVariants(["com.example.second."], of: "com.example.")
        let second = reader.scoped(to: ["com.example.second.", "com.example."]) { reader in
            (
                reader.list("hosts"), reader.string("user"), reader.secret("password"), reader.list("sites"),
                reader.boolean("ssl")
            )
        }
        #expect(second == (["second"], "ox", nil, ["a"], false))
        #expect(reader.list("com.example.hosts") == ["main"])
        #expect(reader.secret("com.example.password") == "geheim")
        #expect(reader.warnings.isEmpty)
    }

    @Test func `a bad value that two scopes read is one problem`() throws {
        var reader = try reader("com.example.ssl=1\ncom.example.user=x")
        reader.addVariants(["com.example.second."], of: "com.example.")
        for prefixes in [["com.example."], ["com.example.second.", "com.example."]] {
            reader.scoped(to: prefixes) { reader in
                #expect(reader.boolean("ssl") == false)
                reader.refuse("user", "needs a password")
                reader.warn("user", "is odd")
            }
        }
        #expect(reader.problems.map(\.property) == ["com.example.ssl", "com.example.user"])
        #expect(reader.warnings.map(\.code) == [.discouraged])
    }

    @Test func `a problem of a caller names place and value`() throws {
        var reader = try reader("com.example.user=ox")
        reader.refuse("com.example.user", "needs a password", allowed: "a user with com.example.password")
        let expected = PropertyProblem(
            .invalid,
            at: .file("x", line: 1),
            property: "com.example.user",
            value: "ox",
            "needs a password",
            allowed: "a user with com.example.password"
        )
        #expect(reader.problems == [expected])
    }

    @Test func `a scope ends with its closure, also when it throws`() throws {
        struct Failure: Error {}
        var reader = try reader("")
        #expect(throws: Failure.self) {
            try reader.scoped(to: ["com.example."]) { _ throws(Failure) in throw Failure() }
        }
        #expect(reader.boolean("com.example.ssl") == false)
    }

    @Test func `a variable that stands for two known properties is an error, one that is not set is none`() throws {
        let catalogue = PropertyCatalogue(
            families: ["a."],
            [PropertyDefinition("a.b.c", .string, "x"), PropertyDefinition("a.b_c", .string, "y")]
        )
        try PropertyReader(PropertySet("a.b.c=1\na.b_c=2", named: "x"), catalogue).check()
        let set = try PropertySet("", named: "x", environment: ["A_B_C": "geheim"])
        let error = #expect(throws: PropertyError.self) { try PropertyReader(set, catalogue).check() }
        #expect(
            error?.description
                == "environment variable A_B_C: stands for a.b.c and a.b_c; allowed: to set them in a file"
        )
        #expect(error?.code == .ambiguous)
    }
}

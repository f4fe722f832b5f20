import PropertyFiles
import Testing

@Suite struct PropertyWarningTests {
    @Test(arguments: [
        ("com.example.hots", "com.example.hosts"), ("com.example.hosst", "com.example.hosts"),
        ("com.example.HOSTS", "com.example.hosts"), ("com.example.pasword", "com.example.password"),
        ("com.example.maxTotal", "com.example.connection.pool.maxTotal"), ("com.example.x.mode", "com.example.mode"),
        ("com.example.connection.pool.maxTotla", "com.example.connection.pool.maxTotal"),
        ("com.example.second.host", "com.example.second.hosts"), ("com.example.", "com.example.pin"),
        ("com.example.timeoutMilis", "com.example.timeoutMillis"),
    ])
    func `an unknown property of a known family is a warning with the nearest name`(key: String, nearest: String) throws
    {
        var reader = try reader("\n\(key) = geheim")
        reader.addVariants(["com.example.second."], of: "com.example.")
        let message = "unknown property; did you mean \(nearest)?"
        #expect(reader.warnings == [PropertyProblem(.unknown, at: .file("x", line: 2), property: key, message)])
        #expect(!"\(reader.warnings)".contains("geheim"))
        try reader.check()
    }

    @Test func `properties of other families are nobody's business`() throws {
        let reader = try reader(
            "com.examples.host=1\ncom.example=2\norg.example.host=3\n=4",
            environment: ["COM_EXAMPLE": "x"]
        )
        #expect(reader.warnings.isEmpty)
    }

    @Test func `an unknown variable with the prefix of a family is a warning`() throws {
        let environment = ["COM_EXAMPLE_HOST": "geheim", "COM_EXAMPLE_USER": "x", "COM_EXAMPLE_ODD": "1", "PATH": "y"]
        let reader = try reader("com.example.odd=1", environment: environment)
        let message = "unknown property; did you mean COM_EXAMPLE_HOSTS?"
        #expect(reader.warnings.map(\.description).suffix(1) == ["environment variable COM_EXAMPLE_HOST: \(message)"])
        #expect(reader.warnings.map(\.property) == ["com.example.odd", nil])
    }

    @Test func `a property without effect is a warning if it has another value, also a variant or a variable`() throws {
        var byFile = try reader("com.example.later=false\ncom.example.second.later=false")
        byFile.addVariants(["com.example.second."], of: "com.example.")
        let effect = "known, but without effect in this version"
        #expect(
            byFile.warnings.map(\.description) == [
                "x:1: com.example.later: \(effect)", "x:2: com.example.second.later: \(effect)",
            ]
        )
        #expect(byFile.warnings.map(\.code) == [.ignored, .ignored])
        let byEnvironment = try reader("", environment: ["COM_EXAMPLE_LATER": "x"])
        #expect(byEnvironment.warnings.map(\.source) == [.environment("COM_EXAMPLE_LATER")])
    }

    @Test func `a property without effect is no warning if it has its default`() throws {
        #expect(try reader("com.example.later=TRUE").warnings.isEmpty)
    }

    @Test func `the ids in a value make the properties of their variants known`() throws {
        var reader = try reader(
            """
            com.example.sites = north, south
            com.example.north.hosts = n
            com.example.south.ssl = maybe
            com.example.west.hosts = w
            com.example.north.sites = x
            """
        )
        let sites = reader.list("com.example.sites")
        reader.addVariants(sites.map { "com.example.\($0)." }, of: "com.example.")
        #expect(reader.list("com.example.north.hosts") == ["n"])
        #expect(reader.boolean("com.example.south.ssl") == false)
        #expect(reader.warnings.map(\.property) == ["com.example.west.hosts", "com.example.north.sites"])
        #expect(reader.problems.map(\.property) == ["com.example.south.ssl"])
    }

    @Test func `variants never replace what is known, whatever their prefix`() throws {
        var catalogue = exampleCatalogue
        let count = catalogue.definitions.count
        catalogue.addVariants(["com.example."], of: "com.example.")
        #expect(catalogue.definitions.count == count)
        catalogue.addVariants(["", "com.example..", "é", "com.example.a."], of: "com.example.")
        catalogue.addVariants(["com.example.a."], of: "com.example.")
        #expect(catalogue.definitions.count == count + 4 * 9)
        #expect(catalogue["com.example.a.password"]?.isSecret == true)
        #expect(catalogue["com.example.a.sites"] == nil)
    }

    @Test func `without a known name there is no suggestion`() throws {
        let catalogue = PropertyCatalogue(families: ["a."], [])
        let reader = PropertyReader(try PropertySet("a.b=1", named: "x"), catalogue)
        #expect(reader.warnings.map(\.message) == ["unknown property"])
    }
}

import PropertyFiles

/// The catalogue that the tests of this folder read through: every kind, a variant family, a secret, an ignored property.
let exampleCatalogue = PropertyCatalogue(
    families: ["com.example."],
    [
        PropertyDefinition(
            "com.example.mode",
            .enumeration(Mode.allCases.map(\.rawValue)),
            default: "single",
            variants: true,
            "m"
        ),
        PropertyDefinition("com.example.hosts", .list, default: "localhost", variants: true, "h"),
        PropertyDefinition("com.example.user", .string, variants: true, "u"),
        PropertyDefinition("com.example.password", .string, secret: true, variants: true, "p"),
        PropertyDefinition("com.example.pin", .integer(0...9999), default: "0", secret: true, "p"),
        PropertyDefinition("com.example.ssl", .boolean, default: "false", reloadable: true, variants: true, "s"),
        PropertyDefinition("com.example.database", .integer(-1...15), default: "-1", variants: true, "d"),
        PropertyDefinition("com.example.any", .integer(.min ... .max), default: "7", "a"),
        PropertyDefinition(
            "com.example.timeoutMillis",
            .milliseconds(0...60_000),
            default: "5000",
            variants: true,
            "t"
        ),
        PropertyDefinition("com.example.waitSeconds", .seconds(1...60), default: "2", "w"),
        PropertyDefinition("com.example.waitMillis", .milliseconds(0...Int.max), "w"),
        PropertyDefinition("com.example.limit", .integer(0...9), "l"),
        PropertyDefinition("com.example.sizeBytes", .bytes(1...Int.max), default: "16777216", "s"),
        PropertyDefinition("com.example.factor", .decimal(0...10), default: "0.5", "f"),
        PropertyDefinition(
            "com.example.connection.pool.maxTotal",
            .integer(1...1000),
            default: "100",
            variants: true,
            "m"
        ),
        PropertyDefinition("com.example.sites", .list, "s"),
        PropertyDefinition("com.example.later", .boolean, default: "true", honored: false, variants: true, "l"),
    ]
)

enum Mode: String, CaseIterable {
    case single
    case cluster
    case replicaPreferred
}

/// A reader of a text through the example catalogue, with short names.
func reader(_ text: String, environment: [String: String] = [:]) throws -> PropertyReader {
    PropertyReader(try PropertySet(text, named: "x", environment: environment), exampleCatalogue)
}

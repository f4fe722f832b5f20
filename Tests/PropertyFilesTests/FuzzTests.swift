import PropertyFiles
import Seeded
import Testing

/// Nothing that a file or the environment says may trap; a trap ends the test run.
@Suite struct FuzzTests {
    private static let catalogue = exampleCatalogue

    private static let sample = """
        # comment
        com.example.mode = cluster
        com.example.hosts = ${HOST:-localhost}:${PORT},\\
            [::1]:6379
        com.example.password=\\u0041\\uD83D\\uDE00$${x}
        com.example.database: -1
        com.example.any 9223372036854775807
        com.example.timeoutMillis = 5000
        com.example.factor = 1.5e3
        com.example.sites = north, süd
        com.example.north.ssl = true
        com.example.hots = ${A:-${B:-${C}}}

        """

    private static let pieces: [String] = [
        "\\", "\n", "\r", "\r\n", " ", "=", ":", "#", "!", "\\u", "\\uD83D", "\\uDE00", "${", "}", "$${", ":-", "HOST",
        "NONE", "99999999999999999999",
        "-", "+", ".", "é", "e\u{301}", "\u{FEFF}", "\0", "com.example.", "com.example.hosts=", "com.example.sites=",
        ",", "nan", "true",
    ]

    @Test(arguments: 0..<8)
    func `no file and no environment traps`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var codes: Set<PropertyError.Code> = []
        var successes = 0
        for turn in 0..<2500 {
            let bytes = turn.isMultiple(of: 4) ? Self.noise(&random) : Self.mutated(&random)
            let environment = Self.environment(&random)
            do throws(PropertyError) {
                let text = String(decoding: bytes, as: UTF8.self)
                let set = try PropertySet(text, named: "fuzz", environment: environment)
                let reader = Self.readAll(set)
                for warning in reader.warnings where !warning.description.isEmpty { codes.insert(warning.code) }
                try reader.check()
                successes += 1
            } catch {
                codes.formUnion(error.problems.map(\.code))
                #expect(error.description.split(whereSeparator: \.isNewline).count == error.problems.count)
            }
            _ = try? PropertyFile(bytes: bytes, named: "fuzz")
        }
        // The cases must reach every stage, or they would prove nothing.
        #expect(successes > 10)
        #expect(codes.isSuperset(of: [.malformed, .duplicate, .unresolved, .invalid, .unknown]))
    }

    private static func readAll(_ set: PropertySet) -> PropertyReader {
        var reader = PropertyReader(set, Self.catalogue)
        let sites = reader.list("com.example.sites").map { "com.example.\($0)." }
        reader.addVariants(sites, of: "com.example.")
        for definition in reader.catalogue.definitions {
            switch definition.kind {
            case .boolean: _ = reader.boolean(definition.key)
            case .integer, .bytes: _ = reader.optionalInteger(definition.key)
            case .decimal: _ = reader.decimal(definition.key)
            case .milliseconds, .seconds: _ = reader.duration(definition.key)
            case .string where definition.isSecret: _ = reader.secret(definition.key)?.reveal()
            case .string: _ = reader.string(definition.key)
            case .list: _ = reader.list(definition.key)
            case .enumeration: _ = reader.enumeration(definition.key)
            }
        }
        return reader
    }

    private static func noise(_ random: inout SeededGenerator) -> [UInt8] {
        let plain = Bool.random(using: &random)
        return (0..<Int.random(in: 0...200, using: &random))
            .map { _ in
                UInt8.random(in: plain ? 0...127 : 0...255, using: &random)
            }
    }

    private static func mutated(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(Self.sample.utf8)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: start)
            default: bytes.insert(contentsOf: (Self.pieces.randomElement(using: &random) ?? "").utf8, at: start)
            }
        }
        return bytes
    }

    private static func environment(_ random: inout SeededGenerator) -> [String: String] {
        var environment = ["PORT": "1", "C": "${C}"]
        let names = ["HOST", "COM_EXAMPLE_DATABASE", "COM_EXAMPLE_SITES", "COM_EXAMPLE_NORTH_MODE", "COM_EXAMPLE_HOTS"]
        for name in names where Int.random(in: 0..<8, using: &random) == 0 {
            environment[name] = String(decoding: Self.noise(&random), as: UTF8.self)
        }
        return environment
    }
}

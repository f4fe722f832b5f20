import Oxbow
import PropertyFiles
import RedisClient
import Seeded
import Testing

/// Whatever stands in the files, the configuration is read or every problem is told with its line: nothing traps.
@Suite struct OxbowPropertiesFuzzTests {
    private static let values = [
        "", "0", "1", "-1", "+1", "00", "5", "100", "101", "65535", "65536", "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999", "-9223372036854775808", "1.5", "1e3", "1e999", "nan", "inf", "true", "TRUE", "false",
        "yes", "maybe", "none", "deflate", "standalone", "cluster", " Sentinel ", "master", "replica", "localhost",
        "localhost:6379", "[::1]:6379", "[::1", "unix:/run/s", "unix:", "redis://u:p@h", "a,b,,c", "north, süd", ",",
        "redis_1", "/etc/ca.pem", "cache.example", "10.0.0.1", "é", "\u{FEFF}", "\\u0000", "\\uD83D\\uDE00",
        "\\n\\r\\t",
        "${HOME}", "$${x}", String(repeating: "x", count: 1000), String(repeating: "9", count: 400),
    ]

    private static let definitions = OxbowProperties.catalogue.definitions
    private static let keys = definitions.map(\.key)
    private static let defaults = Dictionary(uniqueKeysWithValues: definitions.map { ($0.key, $0.default) })

    @Test(arguments: 0..<4)
    func `random values of known properties never trap, and each that is not allowed is told with its line`(
        seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        var refused = 0
        for _ in 0..<250 {
            let keys = Self.keys.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random))
            let lines = keys.map { key in
                let value = Bool.random(using: &random) ? Self.defaults[key] : Self.values.randomElement(using: &random)
                return (key, value ?? "")
            }
            let text = lines.map { "\($0) = \($1)" }.joined(separator: "\n")
            var warnings: [PropertyProblem] = []
            do throws(PropertyError) {
                let properties = try PropertySet(text, named: "fuzz", environment: ["HOME": "/root"])
                let configuration = try OxbowConfiguration(properties: properties, warnings: &warnings)
                accepted += 1
                // What is accepted here must suit the types, too, whose checks are their own.
                #expect(throws: Never.self, "\(text)") { _ = try Oxbow(configuration) }
                for (key, value) in lines { check(Self.isAllowed(key, value), true, "\(key) = \(value)") }
            } catch {
                refused += 1
                for problem in error.problems {
                    let known = problem.property.map(keys.contains) ?? true
                    let line = problem.source.line ?? 0
                    check(known || problem.source.isDefault, true, "\(problem)")
                    check(problem.source.isDefault || (1...lines.count).contains(line), true, "\(problem)")
                }
                let told = Set(error.problems.map(\.source.line))
                for (index, (key, value)) in lines.enumerated() where !Self.isAllowed(key, value) {
                    check(told.contains(index + 1), true, "\(key) = \(value) in:\n\(error)")
                }
            }
        }
        // The cases must reach both ends, or they would prove nothing.
        #expect(accepted > 20 && refused > 20, "\(accepted), \(refused)")
    }

    @Test func `every known property with every value alone, and from the environment`() {
        for (number, key) in Self.keys.enumerated() {
            for (index, value) in Self.values.enumerated() {
                var warnings: [PropertyProblem] = []
                do throws(PropertyError) {
                    let properties = try PropertySet("\(key) = \(value)", named: "fuzz", environment: ["HOME": "/root"])
                    _ = try OxbowConfiguration(properties: properties, warnings: &warnings)
                    check(Self.isAllowed(key, value), true, "\(key) = \(value)")
                } catch {
                    let isNamed = error.problems.allSatisfy { $0.property == key && $0.source.line == 1 }
                    check(isNamed, true, "\(error)")
                }
                // Each value with some keys will do for the way that is the same behind the look-up.
                guard (number + index).isMultiple(of: 7) else { continue }
                let variable = key.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
                do throws(PropertyError) {
                    let properties = try PropertySet("", named: "fuzz", environment: [variable: value])
                    _ = try OxbowConfiguration(properties: properties, warnings: &warnings)
                } catch {
                    check(error.problems.allSatisfy { $0.source.environmentVariable == variable }, true, "\(error)")
                }
            }
        }
    }

    /// Whether the catalogue allows a value as it is written in a file.
    private static func isAllowed(_ key: String, _ written: String) -> Bool {
        guard let definition = Self.definitions.first(where: { $0.key == key }),
            let properties = try? PropertySet("\(key) = \(written)", named: "x", environment: ["HOME": "/root"]),
            let text = properties[key]?.text
        else { return true }
        return definition.accepts(text)
    }

    private func check(_ value: Bool, _ expected: Bool, _ what: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(value == expected, "\(what)", sourceLocation: location)
    }
}

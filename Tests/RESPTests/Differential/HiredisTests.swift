import Foundation
import RESP
import TestServers
import Testing

/// The C client's reader beside ours: each difference must be explained by one of the named rules.
@Suite struct HiredisTests {
    @Test func `hiredis reads the corpus as we do, but for the rules`() throws {
        let inputs = try FuzzInput.all(of: "resp").map(\.bytes) + Example.all.map(\.bytes)
        let found = try Self.differences(in: inputs)
        for difference in found.joined() where !Rule.all.contains(where: { $0.explains(difference) }) {
            Issue.record("\(difference)")
        }
        // The rules are not all that is compared.
        #expect(found.count { $0.isEmpty } > inputs.count / 4)
    }

    @Test(arguments: 0..<2 as Range<UInt64>)
    func `hiredis reads mutated replies as we do, but for the rules`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        for difference in try Self.differences(in: (0..<2000).map { _ in mutator.next() }).joined()
        where !Rule.all.contains(where: { $0.explains(difference) }) {
            Issue.record("seed \(seed): \(difference)")
        }
    }

    @Test func `each rule is true`() throws {
        let found = try Self.differences(in: Rule.all.map { Array($0.example.utf8) })
        for (rule, differences) in zip(Rule.all, found) {
            let isShown = differences.contains(where: rule.explains)
            #expect(isShown, "\(rule.name): \(differences)")
        }
    }

    /// Has both readers read the inputs.
    private static func differences(in inputs: [[UInt8]]) throws -> [[Difference]] {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "read.py").path
        let output = try Installation.run("python-redis", [script] + inputs.map(Form.hex))
        let lines = output.split(separator: "\n")
        try #require(lines.count == inputs.count, "the Python reader failed; Tests/Servers/install-python gets it")
        return try zip(inputs, lines)
            .map { input, line in
                let theirs = try JSONDecoder().decode(Reading.self, from: Data(line.utf8))
                return Difference.all(in: input, Reading(input), theirs)
            }
    }
}

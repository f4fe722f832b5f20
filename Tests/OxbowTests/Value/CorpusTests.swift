import EnvelopeFuzzing
import TestServers
import Testing

@Suite struct CorpusTests {
    @Test func `what fuzzing has kept does not trap, keeps the limits and comes back as it was stored`() throws {
        for input in try FuzzInput.all(of: "envelope") {
            for violation in EnvelopeFuzz.violations(input.bytes) { Issue.record("\(input.name): \(violation)") }
        }
    }
}

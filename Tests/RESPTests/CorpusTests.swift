import RESPFuzzing
import TestServers
import Testing

@Suite struct CorpusTests {
    @Test func `what fuzzing has kept does not trap and is read the same in any slices`() throws {
        for input in try FuzzInput.all(of: "resp") {
            for violation in RESPFuzz.violations(input.bytes) { Issue.record("\(input.name): \(violation)") }
        }
    }
}

import Foundation
import Testing

@Suite struct ModelTests {
    /// The recovery of a cache whose server goes back in time; with each rule turned off the model must find a stale
    /// read.
    @Test func `the rollback model has no stale read, and one without any of its rules`() throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Models/run").standardized
        let model = Process()
        let output = Pipe()
        model.executableURL = script
        model.standardOutput = output
        try model.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        model.waitUntilExit()
        let unexpected = text.split(separator: "\n").filter { !$0.hasPrefix("as expected: ") }
        #expect(unexpected.isEmpty)
        #expect(model.terminationStatus == 0)
        #expect(text.contains("VIOLATION"))
    }
}

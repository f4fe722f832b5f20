import ConsistencyHistory
import Foundation
import Testing

@Suite struct HistoryReaderTests {
    private func records(of text: String) throws -> [HistoryRecord] {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).history")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var records: [HistoryRecord] = []
        try HistoryReader().read(file) { records.append($0) }
        return records
    }

    private let record = HistoryRecord(
        .writeThrough,
        process: 3,
        task: 17,
        key: "grouped/a/0",
        began: 1,
        ended: 20_000_000_000,
        version: 5,
        outcome: .applied
    )

    @Test func `a record is read as it was written`() throws {
        #expect(self.record.line == "write-through 3 17 grouped/a/0 1 20000000000 5 applied")
        var fault = self.record
        fault.kind = .fault
        fault.process = -1
        fault.outcome = .none
        #expect(try self.records(of: "\(self.record.line)\n\(fault.line)\n") == [self.record, fault])
    }

    @Test func `a history longer than what is read at once is read whole`() throws {
        let count = 40_000
        let records = try self.records(of: String(repeating: self.record.line + "\n", count: count))
        #expect(records.count == count)
        #expect(Set(records) == [self.record])
    }

    @Test(arguments: ["read 3 17 k", "read 3 17 k 1 2 5 loaded"])
    func `a last line without an end is left out, whatever it says`(rest: String) throws {
        #expect(try self.records(of: "\(self.record.line)\n\(rest)") == [self.record])
    }

    @Test(arguments: [
        "", "gossip 3 17 k 1 2 5 loaded", "read 3 17 k 2 1 5 loaded", "read 3 17 k 1 2 5 great", "read 3 17 k 1 2 5",
        "read 3 17 k 1 2 5 loaded more", "read x 17 k 1 2 5 loaded", "read 3 17 k 1 99999999999999999999 5 loaded",
    ])
    func `a line that is no record is an error that names it`(line: String) throws {
        let error = try #require(throws: HistoryError.self) { try self.records(of: "\(self.record.line)\n\(line)\n") }
        #expect(error.description.hasSuffix("line 2: no record"))
    }
}

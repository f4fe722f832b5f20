package import Foundation

/// Reads files of histories line by line, without having more than a piece of one in memory.
package struct HistoryReader {
    private static let pieceBytes = 1 << 20

    /// A reader.
    package init() {}

    /// Hands on all records of a file.
    ///
    /// A last line without an end is left out: its writer was killed while it wrote.
    ///
    /// - Parameters:
    ///   - file: the file.
    ///   - body: gets each record.
    /// - Throws: ``HistoryError`` for a line that is no record; an error of the system when the file cannot be read.
    package func read(_ file: URL, _ body: (HistoryRecord) -> Void) throws {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        var rest: [UInt8] = []
        var number = 0
        while let piece = try handle.read(upToCount: Self.pieceBytes), !piece.isEmpty {
            rest += piece
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                guard let record = HistoryRecord(line: rest[start..<end]) else {
                    throw HistoryError("\(file.lastPathComponent), line \(number): no record")
                }
                body(record)
                start = end + 1
            }
            rest.removeFirst(start)
        }
    }
}

/// Why a history cannot be judged.
package struct HistoryError: Error, CustomStringConvertible {
    /// What is wrong, and where.
    package let description: String

    init(_ description: String) { self.description = description }
}

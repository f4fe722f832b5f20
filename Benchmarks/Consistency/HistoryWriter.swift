import ConsistencyHistory
import Foundation
import Synchronization

/// Appends records to a file: many at once, so that writing costs little.
///
/// A process that is killed takes with it what has not been flushed. That makes a history weaker, never wrong: what is
/// missing accuses nobody.
final class HistoryWriter: Sendable {
    private struct State {
        let file: FileHandle
        var lines: [UInt8] = []
    }

    private let state: Mutex<State>
    private static let flushBytes = 1 << 14

    init(_ url: URL) throws {
        try Data().write(to: url, options: .withoutOverwriting)
        self.state = Mutex(State(file: try FileHandle(forWritingTo: url)))
    }

    func add(_ record: HistoryRecord) throws {
        let line = record.line
        try self.state.withLock { state in
            state.lines += line.utf8
            state.lines.append(UInt8(ascii: "\n"))
            if state.lines.count >= Self.flushBytes { try Self.flush(&state) }
        }
    }

    func flush() throws { try self.state.withLock { try Self.flush(&$0) } }

    private static func flush(_ state: inout State) throws {
        try state.file.write(contentsOf: state.lines)
        state.lines.removeAll(keepingCapacity: true)
    }
}

import Foundation

/// A line on standard error that says what is going on: rewritten in place on a terminal, a new one for each workload
/// elsewhere.
struct Progress: Sendable {
    let steps: Int
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private let start = ContinuousClock.now

    init(steps: Int) { self.steps = steps }

    /// Shows what is being done.
    ///
    /// - Parameters:
    ///   - text: the workload and what is done with it.
    ///   - step: how many workloads are done.
    func show(_ text: String, step: Int = 0) {
        if self.isTerminal {
            let elapsed = Int((ContinuousClock.now - self.start) / .seconds(1))
            self.write("\r\u{1B}[K[\(step + 1)/\(self.steps), \(elapsed) s] \(text)")
        } else if text.hasSuffix("preparing") || text == "starting" {
            self.write("[\(step + 1)/\(self.steps)] \(text)\n")
        }
    }

    /// Clears the line.
    func finish() { if self.isTerminal { self.write("\r\u{1B}[K") } }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

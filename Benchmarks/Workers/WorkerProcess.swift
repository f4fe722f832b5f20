import Foundation
import Synchronization

/// This program once more, in a process of its own, with a command line that only programs use.
///
/// The new process sees to it by itself that it does not outlive this one: see ``endWithParent()``.
final class WorkerProcess: Sendable {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let received = Mutex<[UInt8]>([])

    /// Starts the process.
    ///
    /// - Parameters:
    ///   - arguments: its command line, without the program's name.
    ///   - onLine: gets each line of its standard output.
    /// - Throws: Foundation's error when it cannot be started.
    init(_ arguments: [String], onLine: @escaping @Sendable (String) -> Void) throws {
        guard let program = Bundle.main.executableURL else { throw BenchmarkError("this program cannot be found") }
        self.process.executableURL = program
        self.process.arguments = arguments
        self.process.standardInput = self.input
        self.process.standardOutput = self.output
        self.output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            for line in self?.lines(adding: data) ?? [] { onLine(line) }
        }
        try self.process.run()
    }

    deinit { self.kill() }

    private func lines(adding data: Data) -> [String] {
        self.received.withLock { received in
            received += data
            var lines: [String] = []
            var start = 0
            while let end = received[start...].firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(String(decoding: received[start..<end], as: UTF8.self))
                start = end + 1
            }
            received.removeFirst(start)
            return lines
        }
    }

    var isRunning: Bool { self.process.isRunning }

    /// Sends a line to its standard input; nothing happens if it has ended.
    func send(_ line: String) {
        guard self.isRunning else { return }
        try? self.input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
    }

    /// Kills it where it stands (SIGKILL).
    func kill() { self.signal(SIGKILL) }

    /// Sends it a signal; nothing happens if it has ended.
    func signal(_ number: Int32) {
        if self.isRunning { _ = Foundation.kill(self.process.processIdentifier, number) }
    }

    /// Waits until it has ended by itself.
    ///
    /// - Throws: ``BenchmarkError`` when it has not ended by then (it is killed), or ended with an error or a signal.
    func awaitEnd(within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        while self.isRunning {
            guard ContinuousClock.now < end else {
                self.kill()
                throw BenchmarkError("a worker process did not end")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        guard self.process.terminationReason == .exit, self.process.terminationStatus == 0 else {
            let how = self.process.terminationReason == .exit ? "status" : "signal"
            throw BenchmarkError("a worker process ended with \(how) \(self.process.terminationStatus)")
        }
    }

    /// In the new process: ends it as soon as the one that has started it is gone.
    ///
    /// Not by the end of standard input: siblings have inherited the other end of that pipe.
    static func endWithParent() {
        let parent = getppid()
        Thread.detachNewThread {
            while getppid() == parent { Thread.sleep(forTimeInterval: 0.2) }
            exit(1)
        }
    }

    private static let reporting = Mutex(())

    /// In the new process: sends a line to the one that has started it.
    static func report(_ line: String) {
        // In one piece: a long one fills the pipe, and others would come in between.
        Self.reporting.withLock { _ in try? FileHandle.standardOutput.write(contentsOf: Data("\(line)\n".utf8)) }
    }
}

import Foundation
import Synchronization

/// A program that the script `supervise` runs as a child process.
///
/// It ends with ``stop()``, when this value is gone, and in any case with the process that started it, however that one
/// ends: the supervisor waits for the end of a pipe that only this process holds open.
final class SupervisedProcess: Sendable {
    private struct State {
        var pid: Int32
        var isPaused = false
    }

    private let directory: URL
    private let supervisor: Process
    private let exit: ProcessExit
    private let lifeline = Pipe()
    private let output = Pipe()
    private let state = Mutex(State(pid: 0))

    /// A new empty folder for a program's files.
    static func makeDirectory() throws -> URL {
        let directory = FileManager.default.temporaryDirectory.appending(path: "oxbow-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    /// Runs the program.
    ///
    /// - Parameters:
    ///   - program: the path of the program.
    ///   - arguments: its arguments.
    ///   - directory: where it keeps its files, and its output in `log`; removed with it.
    /// - Throws: when it cannot be run.
    init(_ program: URL, _ arguments: [String], in directory: URL) throws {
        self.directory = directory
        self.supervisor = Process()
        self.supervisor.executableURL = Installation.scripts.appending(path: "supervise")
        self.supervisor.arguments = [directory.appending(path: "log").path, program.path] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["SUPERVISE_REMOVE"] = directory.path
        self.supervisor.environment = environment
        self.supervisor.standardInput = self.lifeline
        self.supervisor.standardOutput = self.output
        self.exit = ProcessExit(of: self.supervisor)
        try self.supervisor.run()
        try self.learnPID()
    }

    deinit { self.stop() }

    var pid: Int32 { self.state.withLock { $0.pid } }

    /// Whether the program has neither ended nor been stopped by a signal of ours.
    var isRunning: Bool { self.exists && self.state.withLock { !$0.isPaused } }

    /// Whether the program has not ended.
    var exists: Bool { send(0, to: self.pid) }

    var log: String { (try? String(contentsOf: self.directory.appending(path: "log"), encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) {
        self.state.withLock { state in
            if number == SIGSTOP { state.isPaused = true }
            if number == SIGCONT { state.isPaused = false }
            _ = send(number, to: state.pid)
        }
    }

    /// Starts the program once more; what still runs of it is killed before.
    func restart() throws {
        try self.lifeline.fileHandleForWriting.write(contentsOf: Data("again\n".utf8))
        try self.learnPID()
    }

    func stop() {
        try? self.lifeline.fileHandleForWriting.close()
        self.exit.wait()
    }

    private func learnPID() throws {
        let line = String(decoding: self.output.fileHandleForReading.availableData, as: UTF8.self)
        guard let pid = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw ServerProcessError("the supervisor did not name the server's process: '\(line)'")
        }
        self.state.withLock { $0 = State(pid: pid) }
    }
}

/// Whether the process exists, and has got the signal.
private func send(_ signal: Int32, to pid: Int32) -> Bool { kill(pid, signal) == 0 }

/// Tries again and again until there is no error.
///
/// - Parameters:
///   - what: what is awaited, for the error.
///   - limit: the longest time to wait for it; 30 seconds by default.
///   - attempt: throws a ``ServerProcessError`` saying what it saw for as long as the awaited has not happened.
/// - Returns: what the attempt returned.
/// - Throws: ``ServerProcessError`` with what was awaited and what was seen last.
func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(30),
    attempt: () async throws -> Value
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        do {
            return try await attempt()
        } catch let error as ServerProcessError where ContinuousClock.now >= deadline {
            throw ServerProcessError("\(what): not within \(limit); seen last: \(error)")
        } catch is ServerProcessError {
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

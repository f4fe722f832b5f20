public import Foundation

/// The programs that `Tests/Servers/install` has put into `.servers`, or into the folder `OXBOW_SERVERS` names.
public enum Installation {
    /// The folder of this file, with the scripts.
    static let scripts = URL(filePath: #filePath).deletingLastPathComponent()

    static let prefix: URL =
        if let folder = ProcessInfo.processInfo.environment["OXBOW_SERVERS"] {
            URL(filePath: folder)
        } else {
            scripts.deletingLastPathComponent().deletingLastPathComponent().appending(path: ".servers")
        }

    /// The path of a program.
    ///
    /// - Throws: ``ServerProcessError`` naming the command that installs it.
    public static func program(_ name: String) throws -> URL {
        let url = Self.prefix.appending(path: "bin").appending(path: name)
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            let script = name == "python-redis" ? "install-python" : "install"
            throw ServerProcessError("\(name) is not installed at \(url.path): run Tests/Servers/\(script) first")
        }
        return url
    }

    /// Runs one of the programs to its end.
    ///
    /// - Parameters:
    ///   - name: the program.
    ///   - arguments: its arguments.
    ///   - environment: variables besides those of this process; none by default.
    ///   - limit: the longest time that it may take; then it is killed. None by default.
    /// - Returns: what it printed on standard output, without the last line end.
    /// - Throws: when the program cannot be run, or has been killed; not when it fails.
    @discardableResult
    public static func run(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        limit: Duration? = nil
    ) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = try Self.program(name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        let exit = ProcessExit(of: process)
        try process.run()
        let pid = process.processIdentifier
        let killing = DispatchWorkItem { kill(pid, SIGKILL) }
        if let limit {
            let milliseconds = Int(limit / .milliseconds(1))
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds), execute: killing)
        }
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        try output.fileHandleForReading.close()  // the pipe may outlive this call
        exit.wait()
        process.waitUntilExit()  // returns at once, and lets go of some 7 KB that Foundation otherwise keeps for ever
        killing.cancel()
        if limit != nil, process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL {
            throw ServerProcessError("\(name) \(arguments.joined(separator: " ")): killed, it did not end")
        }
        var text = String(decoding: data, as: UTF8.self)
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}

/// The end of a child process, to be waited for without `waitUntilExit()`, which spins on threads without a run loop.
final class ProcessExit: Sendable {
    private let happened = DispatchSemaphore(value: 0)

    /// Make it before the process runs.
    init(of process: Process) {
        let happened = self.happened
        process.terminationHandler = { _ in happened.signal() }
    }

    /// Blocks until the process has ended; at once from the second call on.
    func wait() {
        self.happened.wait()
        self.happened.signal()
    }
}

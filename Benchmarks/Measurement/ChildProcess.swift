import Dispatch
import Foundation

/// Runs a program of the search path to its end.
///
/// - Returns: what it printed, without white space at the ends.
/// - Throws: ``BenchmarkError`` when it fails; Foundation's error when it cannot be started.
func output(of program: String, _ arguments: [String]) throws -> String {
    let pipe = Pipe()
    var data: Data?
    try runChild(URL(filePath: "/usr/bin/env"), [program] + arguments, output: pipe) {
        data = try pipe.fileHandleForReading.readToEnd()
    }
    return String(decoding: data ?? Data(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}

/// Runs a program to its end, with nothing to read and its standard error dropped.
///
/// Waits by a semaphore: on a thread without a run loop `Process.waitUntilExit()` burns a whole core, one that the
/// child may be measured on.
///
/// - Parameters:
///   - program: an absolute path.
///   - arguments: without the program's name.
///   - output: a pipe or a file handle.
///   - whileRunning: reads the child's output to the end, where that goes to a pipe.
/// - Throws: ``BenchmarkError`` when it fails; Foundation's error when it cannot be started.
func runChild(
    _ program: URL,
    _ arguments: [String],
    output: Any,
    whileRunning: () throws -> Void = {}
) throws {
    let process = Process()
    let ended = DispatchSemaphore(value: 0)
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    process.standardOutput = output
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    try whileRunning()
    ended.wait()
    process.waitUntilExit()  // returns at once, and lets go of some 7 KB that Foundation otherwise keeps for ever
    guard process.terminationStatus == 0 else {
        throw BenchmarkError("\(program.lastPathComponent) failed with status \(process.terminationStatus)")
    }
}

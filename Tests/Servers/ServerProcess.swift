public import Foundation
import NIOCore
import NIOPosix

/// A real Redis or Valkey server, run as a child process on a free loopback port and on a unix socket.
///
/// It ends with ``stop()``, when this value is gone, and in any case with the process that started it, however that one
/// ends: a supervisor script waits for the end of a pipe that only this process holds open.
public final class ServerProcess: Sendable {
    /// Which program.
    public enum Kind: String, Sendable, CaseIterable {
        /// Redis 8.
        case redis
        /// Valkey 9.
        case valkey
    }

    /// The program that runs.
    public let kind: Kind
    /// The server's own process id.
    public let pid: Int32
    /// The TCP port on 127.0.0.1.
    public let port: Int
    /// The TCP port on 127.0.0.1 that speaks TLS; `nil` if none does.
    public let tlsPort: Int?
    /// The path of the unix socket.
    public let unixPath: String
    /// Where the server keeps its files; removed with the server.
    public let directory: URL
    private let supervisor: Process
    private let exit: ProcessExit
    private let lifeline: Pipe

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - kind: the program; Redis by default.
    ///   - port: a TCP port; a free one by default.
    ///   - tls: what to speak TLS with, on a port of its own; no TLS by default.
    ///   - settings: lines of `redis.conf` behind the usual ones (no persistence, debug commands for loopback).
    /// - Returns: the running server.
    /// - Throws: ``ServerProcessError`` with the server's own log when it does not come up within 10 seconds.
    public static func start(
        _ kind: Kind = .redis,
        port: Int? = nil,
        tls: ServerTLS? = nil,
        settings: [String] = []
    ) async throws -> ServerProcess {
        // A port found free may be taken a moment later: try again on another one.
        for _ in 0..<3 {
            let chosen = if let port { port } else { try await Self.freePort() }
            let tlsPort = tls == nil ? nil : try await Self.freePort()
            let tlsSettings = try tlsPort.flatMap { try tls?.settings(port: $0) } ?? []
            let server = try ServerProcess(kind, port: chosen, tlsPort: tlsPort, settings: tlsSettings + settings)
            if try await server.answers() { return server }
            server.stop()
            if port != nil { break }
        }
        throw ServerProcessError("\(kind.rawValue)-server did not come up; settings: \(settings)")
    }

    private init(_ kind: Kind, port: Int, tlsPort: Int?, settings: [String]) throws {
        let program = try Installation.program("\(kind.rawValue)-server")
        self.kind = kind
        self.port = port
        self.tlsPort = tlsPort
        self.directory = FileManager.default.temporaryDirectory.appending(path: "oxbow-\(UUID().uuidString.prefix(8))")
        self.unixPath = self.directory.appending(path: "s").path
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let lines =
            [
                "bind 127.0.0.1", "port \(port)", "unixsocket \(self.unixPath)", "dir \(self.directory.path)",
                "save \"\"", "appendonly no", "enable-debug-command local", "repl-diskless-sync-delay 0",
            ] + settings
        let configuration = self.directory.appending(path: "server.conf")
        try (lines.joined(separator: "\n") + "\n").write(to: configuration, atomically: true, encoding: .utf8)

        self.supervisor = Process()
        self.lifeline = Pipe()
        let output = Pipe()
        self.supervisor.executableURL = Installation.scripts.appending(path: "supervise")
        self.supervisor.arguments = [
            self.directory.appending(path: "log").path, program.path, configuration.path,
        ]
        var environment = ProcessInfo.processInfo.environment
        environment["SUPERVISE_REMOVE"] = self.directory.path
        self.supervisor.environment = environment
        self.supervisor.standardInput = self.lifeline
        self.supervisor.standardOutput = output
        self.exit = ProcessExit(of: self.supervisor)
        try self.supervisor.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let pid = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw ServerProcessError("the supervisor did not name the server's process: '\(line)'")
        }
        self.pid = pid
    }

    deinit { self.stop() }

    /// Ends the server and waits until it is gone.
    ///
    /// Does nothing when it has been ended before.
    public func stop() {
        try? self.lifeline.fileHandleForWriting.close()
        self.exit.wait()
    }

    /// Sends a signal to the server, such as `SIGSTOP`.
    public func signal(_ number: Int32) { _ = kill(self.pid, number) }

    /// The server's own log so far.
    public var log: String { (try? String(contentsOf: self.directory.appending(path: "log"), encoding: .utf8)) ?? "" }

    /// Runs `redis-cli` against the server.
    ///
    /// - Returns: what it printed, without the last line end.
    @discardableResult
    public func cli(_ arguments: String...) throws -> String {
        try Installation.run("\(self.kind.rawValue)-cli", ["-s", self.unixPath] + arguments)
    }

    private func answers() async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline, self.supervisor.isRunning {
            if FileManager.default.fileExists(atPath: self.unixPath) {
                let answer = (try? self.cli("ping")) ?? ""
                if ["PONG", "NOAUTH", "LOADING"].contains(where: answer.contains) { return true }
            }
            if kill(self.pid, 0) != 0 { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// A port that nobody listens on at this moment.
    public static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close()
        guard let port else { throw ServerProcessError("no free port") }
        return port
    }
}

/// Why a server for a test or benchmark is not there; says what to do.
public struct ServerProcessError: Error, CustomStringConvertible {
    /// What happened.
    public let description: String
    init(_ description: String) { self.description = description }
}

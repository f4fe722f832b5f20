public import Foundation
import NIOCore
import NIOPosix

/// A real Redis or Valkey server, run as a child process on a free loopback port and on a unix socket.
///
/// It ends with ``stop()``, when this value is gone, and in any case with the process that started it, however that one
/// ends.
public final class ServerProcess: Sendable {
    /// Which program.
    public enum Kind: String, Sendable, CaseIterable {
        /// Redis 8.
        case redis
        /// Valkey 9.
        case valkey
    }

    /// As what the program runs.
    public enum Mode: Sendable {
        /// A server of its own, or a master or replica.
        case server
        /// A node of a cluster, with a port for the others.
        case clusterNode
        /// A Sentinel.
        case sentinel
    }

    /// The program that runs.
    public let kind: Kind
    /// The TCP port on 127.0.0.1.
    public let port: Int
    /// The TCP port on 127.0.0.1 that speaks TLS; `nil` if none does.
    public let tlsPort: Int?
    /// The TCP port on 127.0.0.1 for the other nodes of a cluster; `nil` without a cluster.
    public let busPort: Int?
    /// The password of the default user; `nil` if none is needed.
    public let password: String?
    /// The path of the unix socket.
    public let unixPath: String
    /// Where the server keeps its files; removed with the server.
    public let directory: URL
    private let process: SupervisedProcess

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - kind: the program; Redis by default.
    ///   - mode: as what it runs; a server of its own by default.
    ///   - port: a TCP port; a free one by default.
    ///   - tls: what to speak TLS with, on a port of its own; no TLS by default.
    ///   - password: what clients must know; nothing by default.
    ///   - settings: lines of `redis.conf` behind the usual ones (no persistence, debug commands for loopback).
    /// - Returns: the running server.
    /// - Throws: ``ServerProcessError`` with the server's own log when it does not come up within 10 seconds.
    public static func start(
        _ kind: Kind = .redis,
        mode: Mode = .server,
        port: Int? = nil,
        tls: ServerTLS? = nil,
        password: String? = nil,
        settings: [String] = []
    ) async throws -> ServerProcess {
        var log = ""
        // A port found free may be taken a moment later: try again on another one.
        for _ in 0..<3 {
            let chosen = if let port { port } else { try await Self.freePort() }
            let server = try ServerProcess(
                kind,
                mode,
                port: chosen,
                tlsPort: tls == nil ? nil : try await Self.freePort(),
                tls: tls,
                busPort: mode == .clusterNode ? try await Self.freePort() : nil,
                password: password,
                settings: settings
            )
            if try await server.answers() { return server }
            log = server.log
            server.stop()
            if port != nil { break }
        }
        throw ServerProcessError("\(kind.rawValue)-server did not come up; settings: \(settings); its log:\n\(log)")
    }

    private init(
        _ kind: Kind,
        _ mode: Mode,
        port: Int,
        tlsPort: Int?,
        tls: ServerTLS?,
        busPort: Int?,
        password: String?,
        settings: [String]
    ) throws {
        let program = try Installation.program("\(kind.rawValue)-server")
        self.kind = kind
        self.port = port
        self.tlsPort = tlsPort
        self.busPort = busPort
        self.password = password
        self.directory = try SupervisedProcess.makeDirectory()
        self.unixPath = self.directory.appending(path: "s").path
        var lines = [
            "bind 127.0.0.1", "port \(port)", "unixsocket \(self.unixPath)", "dir \(self.directory.path)",
            "save \"\"", "appendonly no", "enable-debug-command local", "repl-diskless-sync-delay 0",
        ]
        if let tlsPort, let tls { lines += try tls.settings(port: tlsPort) }
        if let busPort { lines += ["cluster-enabled yes", "cluster-port \(busPort)"] }
        if let password { lines.append("requirepass \(password)") }
        let configuration = self.directory.appending(path: "server.conf")
        try ((lines + settings).joined(separator: "\n") + "\n")
            .write(to: configuration, atomically: true, encoding: .utf8)
        let arguments = [configuration.path] + (mode == .sentinel ? ["--sentinel"] : [])
        self.process = try SupervisedProcess(program, arguments, in: self.directory)
    }

    /// The server's own process id; another one after ``restart()``.
    public var pid: Int32 { self.process.pid }

    /// Whether the server has neither ended nor been paused.
    public var isRunning: Bool { self.process.isRunning }

    /// Ends the server for good and waits until it is gone.
    ///
    /// Does nothing when it has been ended before.
    public func stop() { self.process.stop() }

    /// Sends a signal to the server, such as `SIGSTOP`.
    public func signal(_ number: Int32) { self.process.signal(number) }

    /// Stops the server where it stands (SIGSTOP): the kernel goes on accepting connections for it.
    public func pause() { self.signal(SIGSTOP) }

    /// Lets the server run on after ``pause()``.
    public func resume() { self.signal(SIGCONT) }

    /// Kills the server (SIGKILL) and waits until it is gone.
    ///
    /// ``restart()`` brings it back.
    public func kill() async throws {
        self.signal(SIGKILL)
        try await eventually("the end of process \(self.pid)") {
            if self.process.exists { throw ServerProcessError("it is still there") }
        }
    }

    /// Starts the server again, with the same ports, files and settings, and waits until it answers.
    ///
    /// A server that still runs is killed before.
    ///
    /// - Throws: ``ServerProcessError`` with the server's own log when it does not come up within 10 seconds.
    public func restart() async throws {
        try self.process.restart()
        guard try await self.answers() else {
            throw ServerProcessError("\(self.kind.rawValue)-server did not come up again; its log:\n\(self.log)")
        }
    }

    /// The server's own log so far.
    public var log: String { self.process.log }

    /// Runs `redis-cli` against the server, with its password.
    ///
    /// - Returns: what it printed, without the last line end.
    /// - Throws: ``ServerProcessError`` when it has not ended within 10 seconds: the server stands still.
    @discardableResult
    public func cli(_ arguments: String...) throws -> String { try self.cli(arguments) }

    /// Runs `redis-cli` against the server, with its password.
    ///
    /// - Returns: what it printed, without the last line end.
    /// - Throws: ``ServerProcessError`` when it has not ended within 10 seconds: the server stands still.
    @discardableResult
    public func cli(_ arguments: [String]) throws -> String {
        try Installation.run(
            "\(self.kind.rawValue)-cli",
            ["-s", self.unixPath] + arguments,
            environment: self.password.map { ["REDISCLI_AUTH": $0] } ?? [:],
            limit: .seconds(10)
        )
    }

    private func answers() async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline, self.process.exists {
            if FileManager.default.fileExists(atPath: self.unixPath) {
                let answer = (try? self.cli("ping")) ?? ""
                if ["PONG", "NOAUTH", "LOADING"].contains(where: answer.contains) { return true }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// A port that nobody listens on at this moment.
    ///
    /// It is below those that the kernel gives to outgoing connections: nobody gets it while a server that owns it is
    /// down for a moment, not even by connecting to it.
    public static func freePort() async throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 15_000..<32_000)
            let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            guard let channel = try? await bootstrap.bind(host: "127.0.0.1", port: port).get() else { continue }
            try await channel.close()
            return port
        }
        throw ServerProcessError("no free port")
    }
}

/// Why a server for a test or benchmark is not there; says what to do.
public struct ServerProcessError: Error, CustomStringConvertible {
    /// What happened.
    public let description: String
    init(_ description: String) { self.description = description }
}

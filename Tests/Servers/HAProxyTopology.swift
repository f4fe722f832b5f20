import Foundation
import NIOCore
import NIOPosix

/// HAProxy in front of a master and replicas under Sentinels: sends each connection to a server that says it is master.
public final class HAProxyTopology: Sendable {
    /// How HAProxy looks at the servers.
    public enum Checks: Sendable, CaseIterable {
        /// Every 3 seconds, and connections to a server that is down stay open; as articles tell one to do it.
        case usual
        /// Every 200 milliseconds, and connections to a server that is down are closed.
        case fast
    }

    /// The port that clients connect to.
    public let port: Int
    /// The servers behind it.
    public let sentinel: SentinelTopology
    private let process: SupervisedProcess
    private let socketPath: String

    /// Starts HAProxy and what is behind it, and waits until it knows the master.
    ///
    /// - Parameters:
    ///   - checks: how it looks at the servers; with fast ones, Sentinels have fast timers too.
    ///   - kind: the servers' program; Redis by default.
    ///   - downAfterMilliseconds: as for ``SentinelTopology``.
    /// - Returns: the topology, in order.
    /// - Throws: ``ServerProcessError`` with what was awaited and what was seen last when it does not happen in time.
    public static func start(
        _ checks: Checks,
        _ kind: ServerProcess.Kind = .redis,
        downAfterMilliseconds: Int = 500
    ) async throws -> HAProxyTopology {
        let sentinel = try await SentinelTopology.start(
            kind,
            fastTimers: checks == .fast,
            downAfterMilliseconds: downAfterMilliseconds
        )
        let topology = try HAProxyTopology(checks, port: try await ServerProcess.freePort(), before: sentinel)
        try await topology.awaitSettled()
        return topology
    }

    private init(_ checks: Checks, port: Int, before sentinel: SentinelTopology) throws {
        let program = try Installation.program("haproxy")
        let directory = try SupervisedProcess.makeDirectory()
        self.port = port
        self.sentinel = sentinel
        self.socketPath = directory.appending(path: "admin").path
        let check =
            switch checks {
            case .usual: "check inter 3s"
            case .fast: "check inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions"
            }
        var lines = [
            "global", "stats socket \(self.socketPath) level admin", "nbthread 1",
            "defaults", "mode tcp", "timeout connect 3s", "timeout client 1m", "timeout server 1m",
            "frontend front", "bind 127.0.0.1:\(port)", "default_backend back",
            "backend back", "option tcp-check", "tcp-check connect",
            "tcp-check send AUTH\\ \(sentinel.password)\\r\\n", "tcp-check expect string +OK",
            "tcp-check send PING\\r\\n", "tcp-check expect string +PONG",
            "tcp-check send info\\ replication\\r\\n", "tcp-check expect string role:master",
            "tcp-check send QUIT\\r\\n", "tcp-check expect string +OK",
        ]
        if checks == .fast { lines.append("timeout check 200ms") }
        lines += sentinel.servers.map { "server \($0.port) 127.0.0.1:\($0.port) \(check)" }
        let configuration = directory.appending(path: "haproxy.cfg")
        try (lines.joined(separator: "\n") + "\n").write(to: configuration, atomically: true, encoding: .utf8)
        self.process = try SupervisedProcess(program, ["-db", "-f", configuration.path], in: directory)
    }

    /// Waits until HAProxy sends connections to the master and to no other server.
    ///
    /// With the usual checks this takes 5 to 9 seconds after a change.
    public func awaitSettled() async throws {
        try await eventually("HAProxy with the master as its only server", within: .seconds(60)) {
            if !self.process.isRunning { throw ServerProcessError("HAProxy does not run; its log:\n\(self.log)") }
            let master = try self.sentinel.master()
            let states = try await self.states()
            // "UP 1/2" is up and failing its checks, "DOWN 1/2" down and passing them.
            let wanted = self.sentinel.servers.map { $0 === master ? "\($0.port) UP" : "\($0.port) DOWN" }
            if states.sorted() != wanted.sorted() { throw ServerProcessError("\(states), not \(wanted)") }
        }
    }

    /// Waits until HAProxy sends connections to a server, be it to others besides.
    public func awaitUp(_ server: ServerProcess) async throws {
        try await eventually("HAProxy with the server on port \(server.port)") {
            let states = try await self.states()
            if !states.contains("\(server.port) UP") { throw ServerProcessError("\(states)") }
        }
    }

    /// Brings the servers back as ``SentinelTopology/restore()`` does, and waits until HAProxy has noticed.
    public func restore() async throws {
        try await self.sentinel.restore()
        try await self.awaitSettled()
    }

    /// HAProxy's answer to a command on its admin socket, such as `shutdown sessions server back/PORT`; a server's name
    /// is its port.
    public func admin(_ command: String) async throws -> String {
        let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: self.socketPath) { channel in
                    channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
                }
        } catch {
            throw ServerProcessError("HAProxy's admin socket: \(error)")
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "\(command)\n"))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    /// HAProxy's own log so far.
    public var log: String { self.process.log }

    /// The name and the state of each server.
    private func states() async throws -> [String] {
        let lines = try await self.admin("show stat").split(separator: "\n")
        let rows = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        guard let column = rows.first?.firstIndex(of: "status") else {
            throw ServerProcessError("show stat: \(lines)")
        }
        return rows.filter { $0.count > column && $0[0] == "back" && $0[1] != "BACKEND" }
            .map { "\($0[1]) \($0[column])" }
    }
}

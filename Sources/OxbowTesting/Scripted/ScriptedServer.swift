import NIOCore
import NIOPosix
import Synchronization

/// A server that answers commands by script: any bytes, in any pieces, at any moment.
///
/// It understands the form of commands (arrays of bulk strings) and nothing else; what a client sends to open a
/// connection is answered by a ``Handshake``.
///
/// ```swift
/// let server = try await ScriptedServer.start { command in
///     command.name == "GET" ? Answer("$5\r\nhel", "lo\r\n") : Answer("-ERR no\r\n", closes: true)
/// }
/// defer { server.stop() }
/// // … a client connected to 127.0.0.1:\(server.port) …
/// #expect(server.commands.map(\.words) == [["GET", "k"]])
/// ```
public final class ScriptedServer: Sendable {
    /// Where clients connect to.
    public let host = "127.0.0.1"
    private let state: Mutex<State>
    private let handshake: Handshake
    /// One for all, so that connections are numbered in the order in which they are accepted.
    private let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let answer: @Sendable (Command) -> Answer

    private struct State {
        var port = 0
        var listener: (any Channel)?
        var accepted = 0
        var connections: [Int: (channel: any Channel, handler: NIOLoopBound<ScriptedConnection>)] = [:]
        var commands: [Command] = []
        var received = 0
    }

    /// Commands remembered for ``commands``; later ones are only counted.
    public static var maximumRecordedCommands: Int { 100_000 }

    /// Starts a server that asks a closure what to answer.
    ///
    /// - Parameters:
    ///   - port: where to listen on the loopback interface; a free port by default.
    ///   - handshake: how the first commands of a connection are answered.
    ///   - answer: called for each command behind the handshake, on the connection's event loop: it must not block.
    /// - Returns: the server, which accepts connections. End it with ``stop()``.
    /// - Throws: an error of the operating system when it cannot listen.
    public static func start(
        port: Int = 0,
        handshake: Handshake = .standard,
        answering answer: @escaping @Sendable (Command) -> Answer
    ) async throws -> ScriptedServer {
        let server = ScriptedServer(handshake: handshake, answer: answer)
        try await server.listen(port)
        return server
    }

    /// Starts a server that gives the n-th answer to the n-th command of a connection.
    ///
    /// - Parameters:
    ///   - answers: the answers for each connection in turn, the last ones for all further connections; commands
    ///     beyond them are not answered.
    ///   - port: where to listen on the loopback interface; a free port by default.
    ///   - handshake: how the first commands of a connection are answered.
    /// - Returns: the server, which accepts connections. End it with ``stop()``.
    /// - Throws: an error of the operating system when it cannot listen.
    public static func start(
        _ answers: [[Answer]],
        port: Int = 0,
        handshake: Handshake = .standard
    ) async throws -> ScriptedServer {
        try await self.start(port: port, handshake: handshake) { command in
            guard let last = answers.last else { return .ignore }
            let script = command.connection < answers.count ? answers[command.connection] : last
            return command.number < script.count ? script[command.number] : .ignore
        }
    }

    private init(handshake: Handshake, answer: @escaping @Sendable (Command) -> Answer) {
        self.handshake = handshake
        self.answer = answer
        self.state = Mutex(State())
    }

    private func listen(_ port: Int) async throws {
        let listener = try await ServerBootstrap(group: self.eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.accept(channel) } }
            .bind(host: self.host, port: port).get()
        self.state.withLock { state in
            state.listener = listener
            state.port = listener.localAddress?.port ?? 0
        }
    }

    private func accept(_ channel: any Channel) throws {
        let number = self.state.withLock { state in
            defer { state.accepted += 1 }
            return state.accepted
        }
        let handler = ScriptedConnection(number) { command in self.answer(to: &command) }
        try channel.pipeline.syncOperations.addHandler(handler)
        let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.state.withLock { $0.connections[number] = (channel, bound) }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.connections[number] = nil } }
    }

    private func answer(to command: inout Command) -> Answer {
        let welcome = self.handshake(command)
        command.isHandshake = welcome != nil
        self.state.withLock { [command] state in
            state.received += 1
            if state.commands.count < Self.maximumRecordedCommands { state.commands.append(command) }
        }
        return welcome ?? self.answer(command)
    }

    /// Stops listening and closes all connections, without waiting until they are closed.
    public func stop() {
        let channels = self.state.withLock { state in
            defer { state.listener = nil }
            return state.connections.values.map(\.channel) + (state.listener.map { [$0] } ?? [])
        }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Stops listening: connection attempts are refused by the operating system, open connections stay open.
    ///
    /// - Throws: an error of the operating system.
    public func refuse() async throws {
        let listener = self.state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try await listener?.close()
    }

    // MARK: Unasked

    /// Does something that no command has asked for, behind the answers that are under way.
    ///
    /// - Parameters:
    ///   - actions: what to send, and whether to end the connection.
    ///   - connection: the number of the connection; every open one if `nil`.
    public func send(_ actions: Action..., to connection: Int? = nil) {
        let connections = self.state.withLock { state in
            state.connections.filter { connection == nil || $0.key == connection }.map(\.value)
        }
        for (channel, handler) in connections {
            channel.eventLoop.execute { handler.value.append(actions, channel) }
        }
    }

    // MARK: What has happened

    /// Where clients connect to.
    public var port: Int { self.state.withLock { $0.port } }

    /// The commands received behind the handshakes, in the order in which they came over all connections.
    public var commands: [Command] { self.state.withLock { $0.commands.filter { !$0.isHandshake } } }

    /// All commands received, those of the handshakes included.
    public var allCommands: [Command] { self.state.withLock { $0.commands } }

    /// How many commands have been received, those of the handshakes included.
    public var receivedCommands: Int { self.state.withLock { $0.received } }

    /// How many connections have been accepted.
    public var acceptedConnections: Int { self.state.withLock { $0.accepted } }

    /// How many connections are open.
    public var openConnections: Int { self.state.withLock { $0.connections.count } }
}

import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy in front of a real server that fails as networks fail, when told so.
///
/// Let the client connect to ``host`` and ``port``, and change what happens to its bytes at any time:
///
/// ```swift
/// try await FaultProxy.withProxy(to: .host("127.0.0.1", port: 6379)) { proxy in
///     // … a client connected to 127.0.0.1:\(proxy.port) …
///     proxy.set(.blackhole)
///     // … its commands end by their deadline …
///     proxy.set(.reset, on: .existing)
///     proxy.set(.pass)
///     // … and it works again.
/// }
/// ```
///
/// Every fault is one that TCP can produce: bytes are late, in pieces, or end; they are never changed, swapped or
/// missing in the middle. While one side does not read, the other one is not read from.
public final class FaultProxy: Sendable {
    /// Where clients connect to.
    public let host = "127.0.0.1"
    /// Where clients connect to; stays the same when the proxy stops listening and begins again.
    public var port: Int { self.state.withLock { $0.port } }
    private let upstream: Upstream
    /// One for all, so that connections are numbered in the order in which they are accepted.
    private let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let state: Mutex<State>

    private struct State {
        var port = 0
        var listener: (any Channel)?
        var connections: [Int: Connection] = [:]
        var behavior: @Sendable (Int) -> Behavior
        var statistics = Statistics()
        var isStopped = false
    }

    private struct Connection {
        let plan: ProxyPlan
        let client: any Channel
        let streams: NIOLoopBound<(requests: ProxyStream, replies: ProxyStream)>
    }

    // MARK: Life

    /// Starts a proxy on a free port of the loopback interface.
    ///
    /// End it with ``stop()``; ``withProxy(to:behavior:_:)`` does so by itself.
    ///
    /// - Parameters:
    ///   - upstream: the server that clients are led to.
    ///   - behavior: for connections to come.
    /// - Returns: the proxy, which accepts connections.
    /// - Throws: an error of the operating system when it cannot listen.
    public static func start(to upstream: Upstream, behavior: Behavior = .pass) async throws -> FaultProxy {
        let proxy = FaultProxy(upstream: upstream, behavior: behavior)
        try await proxy.listen()
        return proxy
    }

    private init(upstream: Upstream, behavior: Behavior) {
        self.upstream = upstream
        self.state = Mutex(State(behavior: { _ in behavior }))
    }

    /// Runs `body` with a proxy, and ends the proxy and its connections whatever happens.
    ///
    /// - Parameters:
    ///   - upstream: the server that clients are led to.
    ///   - behavior: for connections to come.
    ///   - body: gets the proxy.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, or an error of the operating system when the proxy cannot listen.
    public static func withProxy<Result>(
        to upstream: Upstream,
        behavior: Behavior = .pass,
        _ body: (FaultProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await FaultProxy.start(to: upstream, behavior: behavior)
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body(proxy)) } catch { result = .failure(error) }
        let channels = proxy.state.withLock { state in
            state.connections.values.map(\.client) + (state.listener.map { [$0] } ?? [])
        }
        proxy.stop()
        for channel in channels { try? await channel.closeFuture.get() }
        return try result.get()
    }

    /// Stops listening and ends all connections, without waiting until they are closed.
    ///
    /// The proxy cannot be used again.
    public func stop() {
        let listener = self.state.withLock { state in
            state.isStopped = true
            state.behavior = { _ in .close }
            defer { state.listener = nil }
            return state.listener
        }
        listener?.close(promise: nil)
        self.set(.close)
    }

    // MARK: Faults

    /// Changes what happens to connections, from this moment on.
    ///
    /// - Parameters:
    ///   - behavior: what happens to their bytes.
    ///   - connections: which of them.
    public func set(_ behavior: Behavior, on connections: Connections = .all) {
        let existing = self.state.withLock { state -> [Connection] in
            if connections != .existing { state.behavior = { _ in behavior } }
            guard connections != .new else { return [] }
            for connection in state.connections.values { connection.plan.set(behavior) }
            return Array(state.connections.values)
        }
        for connection in existing {
            connection.client.eventLoop.execute {
                connection.streams.value.requests.pump()
                connection.streams.value.replies.pump()
            }
        }
    }

    /// Decides for each connection to come what happens to it.
    ///
    /// - Parameter behavior: gets the number of the connection, the first one ever accepted being 0.
    public func setForNewConnections(_ behavior: @escaping @Sendable (_ number: Int) -> Behavior) {
        self.state.withLock { $0.behavior = behavior }
    }

    /// Ends all open connections by a reset; new ones are accepted.
    public func resetConnections() { self.set(.reset, on: .existing) }

    /// Ends all open connections by an orderly close; new ones are accepted.
    public func closeConnections() { self.set(.close, on: .existing) }

    /// Stops listening: connection attempts are refused by the operating system until ``listen()``.
    ///
    /// Connections that are open stay open.
    ///
    /// - Throws: an error of the operating system.
    public func refuse() async throws {
        let listener = self.state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try await listener?.close()
    }

    /// Listens again, on the same port as before; does nothing when it is listening.
    ///
    /// - Throws: an error of the operating system, such as the port having been taken meanwhile.
    public func listen() async throws {
        guard self.state.withLock({ $0.listener == nil && !$0.isStopped }) else { return }
        let listener = try await ServerBootstrap(group: self.eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { client in self.accept(client) }
            .bind(host: self.host, port: self.port).get()
        let port = listener.localAddress?.port ?? 0
        let isSurplus = self.state.withLock { state in
            guard state.listener == nil, !state.isStopped else { return true }
            state.listener = listener
            state.port = port
            return false
        }
        if isSurplus { try await listener.close() }
    }

    /// What has gone through so far.
    public var statistics: Statistics { self.state.withLock { $0.statistics } }

    // MARK: Connections

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        let (number, behavior) = self.state.withLock { state in
            defer { state.statistics.accepted += 1 }
            return (state.statistics.accepted, state.behavior)
        }
        if let end = behavior(number).end {
            client.end(end)
            return client.eventLoop.makeFailedFuture(ChannelError.alreadyClosed)
        }
        let bootstrap = ClientBootstrap(group: client.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // It may speak first, and there is nobody to hear it yet.
            .channelOption(.autoRead, value: false)
        let connected =
            switch self.upstream {
            case .host(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        return connected.flatMapThrowing { server in try self.join(number, client, server) }
    }

    private func join(_ number: Int, _ client: any Channel, _ server: any Channel) throws {
        let plan = self.state.withLock { state in ProxyPlan(state.behavior(number)) }
        let requests = ProxyStream(from: client, to: server, plan: plan, carriesReplies: false) {
            self.count(requests: $0, discarded: $1)
        }
        let replies = ProxyStream(from: server, to: client, plan: plan, carriesReplies: true) {
            self.count(replies: $0, discarded: $1)
        }
        try client.pipeline.syncOperations.addHandler(ProxyHandler(incoming: requests, outgoing: replies))
        try server.pipeline.syncOperations.addHandler(ProxyHandler(incoming: replies, outgoing: requests))
        let connection = Connection(
            plan: plan,
            client: client,
            streams: NIOLoopBound((requests, replies), eventLoop: client.eventLoop)
        )
        self.state.withLock { state in
            // What was set since the lines above did not find the connection.
            plan.set(state.behavior(number))
            state.connections[number] = connection
            state.statistics.open += 1
        }
        client.closeFuture.and(server.closeFuture)
            .whenComplete { _ in
                self.state.withLock { state in
                    state.connections[number] = nil
                    state.statistics.open -= 1
                }
            }
        // The first bytes.
        try server.syncOptions?.setOption(.autoRead, value: true)
        requests.pump()
        replies.pump()
    }

    private func count(requests: Int = 0, replies: Int = 0, discarded: Int) {
        self.state.withLock { state in
            state.statistics.requestBytes += requests
            state.statistics.replyBytes += replies
            state.statistics.discardedBytes += discarded
        }
    }
}

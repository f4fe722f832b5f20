import NIOCore
import NIOPosix
import RESP
import Synchronization

/// Makes connections to one address: connect, handshake, then the link that callers submit to.
struct Connector: Sendable {
    let configuration: RedisClientConfiguration
    let multiplexer: Multiplexer
    var greeter: ConnectionGreeter?

    /// Connects, and opens the multiplexer for callers.
    ///
    /// - Parameters:
    ///   - end: when the attempt ends, `connectTimeout` at the latest.
    ///   - pause: after how long another attempt is made beside one that hangs; `nil`: never.
    /// - Returns: the open channel, and what the server said of itself; `nil` when the multiplexer has been stopped.
    /// - Throws: as ``connect(until:)``.
    func attach(
        until end: UInt64 = .max,
        hedgingEvery pause: Duration? = nil
    ) async throws -> (channel: any Channel, server: ServerInfo)? {
        let connected: (channel: any Channel, link: SubmissionQueue.Link)
        if let pause {
            // A server that hangs lets its kernel accept connections; a proxy may lead the next one elsewhere.
            let outcome = try await hedged(every: pause) { limit in
                let now = NIODeadline.now().uptimeNanoseconds
                return try await self.connect(until: limit.map { now.addingClamped($0.nanosecondsClamped) } ?? end)
            }
            for late in outcome.late { late.channel.close(promise: nil) }
            connected = outcome.winner
        } else {
            connected = try await self.connect(until: end)
        }
        let (channel, link) = connected
        try await self.greet(link, on: channel)
        let attached = try await channel.eventLoop
            .submit {
                // It may have ended behind the last reply of the handshake: then nobody would ever detach it.
                guard channel.isActive else {
                    throw RedisError(.cannotConnect, "the connection ended right after the handshake")
                }
                return self.multiplexer.attach(link)
            }
            .get()
        guard attached else {
            channel.close(promise: nil)
            return nil
        }
        return (channel, link.server)
    }

    /// Shows a new connection to whoever has asked for that, before callers use it.
    private func greet(_ link: SubmissionQueue.Link, on channel: any Channel) async throws {
        guard let greet = self.greeter?.greet else { return }
        let limit = TimeAmount.nanoseconds(Int64(clamping: self.multiplexer.settings.connectTimeout.nanosecondsClamped))
        let overdue = channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
        defer { overdue.cancel() }
        let handshake = Handshake(configuration: self.configuration, handler: link.handler)
        let greeting = ConnectionGreeting(
            address: self.configuration.address,
            server: link.server,
            handshake: handshake
        )
        do {
            try await withTaskCancellationHandler {
                try await greet(greeting)
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            channel.close(promise: nil)
            try Task.checkCancellation()
            throw error
        }
    }

    /// Connects and shakes hands within `connectTimeout`.
    ///
    /// Cancellation closes the channel and throws.
    ///
    /// - Returns: the open channel and its link, not attached to the multiplexer yet.
    func connect(until end: UInt64 = .max) async throws -> (channel: any Channel, link: SubmissionQueue.Link) {
        let opened = Mutex<(channel: (any Channel)?, isCancelled: Bool)>((nil, false))
        let now = NIODeadline.now().uptimeNanoseconds
        let limit = min(self.multiplexer.settings.connectTimeout.nanosecondsClamped, end > now ? end - now : 1)
        let timeout = TimeAmount.nanoseconds(Int64(clamping: limit))
        let deadline = NIODeadline.now() + timeout
        return try await withTaskCancellationHandler {
            let open = { @Sendable (channel: any Channel) in
                let isCancelled = opened.withLock {
                    $0.channel = channel
                    return $0.isCancelled
                }
                if isCancelled { channel.close(promise: nil) }
            }
            let (channel, handler) = try await self.open(timeout, opened: open)
            // Of several addresses tried, this is the one that won.
            open(channel)
            let overdue = channel.eventLoop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
            defer { overdue.cancel() }
            do {
                try Task.checkCancellation()
                let server = try await Handshake(configuration: self.configuration, handler: handler).perform()
                let link = SubmissionQueue.Link(handler: handler, server: server)
                return (channel, link)
            } catch {
                channel.close(promise: nil)
                try Task.checkCancellation()
                throw error
            }
        } onCancel: {
            let channel = opened.withLock {
                $0.isCancelled = true
                return $0.channel
            }
            channel?.close(promise: nil)
        }
    }

    private func open(
        _ timeout: TimeAmount,
        opened: @escaping @Sendable (any Channel) -> Void
    ) async throws -> (any Channel, NIOLoopBound<ConnectionHandler>) {
        let limits = self.configuration.replyLimits
        let multiplexer = self.multiplexer
        let tls = multiplexer.tls?.attempt(within: timeout, of: multiplexer)
        let bootstrap = ClientBootstrap(group: multiplexer.eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16_384, maximum: 262_144)
            )
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 * 1024, high: 1024 * 1024))
        // The handler is kept from here on: a server that closes at once takes it out of the pipeline.
        let prepare = { @Sendable (channel: any Channel) in
            opened(channel)
            return channel.eventLoop.makeCompletedFuture {
                let handler = ConnectionHandler(multiplexer: multiplexer, limits: limits)
                try tls?.prepare(channel)
                try channel.pipeline.syncOperations.addHandler(handler)
                return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
            }
        }
        do {
            let (channel, handler) =
                switch self.configuration.address {
                case .host(let host, let port):
                    try await bootstrap.connect(host: host, port: port, channelInitializer: prepare)
                case .unix(let path):
                    try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: prepare)
                }
            try await tls?.finish(on: channel)
            return (channel, handler)
        } catch {
            try Task.checkCancellation()
            if let error = error as? RedisError { throw error }
            let message = "cannot connect to \(self.configuration.address): \(error)"
            throw RedisError(.cannotConnect, message, cause: error)
        }
    }
}

import NIOCore
import NIOPosix
import RESP
import Synchronization

/// Makes connections to one address: connect, handshake, then the link that callers submit to.
struct Connector: Sendable {
    let configuration: RedisClientConfiguration
    let node: Node

    /// Connects and shakes hands within `connectTimeout`.
    ///
    /// Cancellation closes the channel and throws.
    ///
    /// - Returns: the open channel and its link, not attached to the node yet.
    func connect() async throws -> (channel: any Channel, link: SubmissionQueue.Link) {
        let opened = Mutex<(any Channel)?>(nil)
        let timeout = TimeAmount.nanoseconds(Int64(clamping: self.configuration.connectTimeout.nanosecondsClamped))
        let deadline = NIODeadline.now() + timeout
        return try await withTaskCancellationHandler {
            let (channel, handler) = try await self.open(timeout) { channel in opened.withLock { $0 = channel } }
            // Of several addresses tried, this is the one that won.
            opened.withLock { $0 = channel }
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
            opened.withLock { $0 }?.close(promise: nil)
        }
    }

    private func open(
        _ timeout: TimeAmount,
        opened: @escaping @Sendable (any Channel) -> Void
    ) async throws -> (any Channel, NIOLoopBound<ConnectionHandler>) {
        let limits = self.configuration.replyLimits
        let node = self.node
        let bootstrap = ClientBootstrap(group: node.eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16_384, maximum: 262_144)
            )
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 * 1024, high: 1024 * 1024))
            .channelInitializer { channel in
                opened(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(node: node, limits: limits))
                }
            }
        do {
            let channel =
                switch self.configuration.address {
                case .host(let host, let port): try await bootstrap.connect(host: host, port: port).get()
                case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
                }
            let handler = try await channel.eventLoop
                .submit {
                    NIOLoopBound(
                        try channel.pipeline.syncOperations.handler(type: ConnectionHandler.self),
                        eventLoop: channel.eventLoop
                    )
                }
                .get()
            return (channel, handler)
        } catch {
            try Task.checkCancellation()
            let message = "cannot connect to \(self.configuration.address): \(error)"
            throw RedisError(.cannotConnect, message, cause: error)
        }
    }
}

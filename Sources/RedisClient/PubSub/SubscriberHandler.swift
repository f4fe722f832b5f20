import NIOCore
import RESP

/// The loop's side of a connection with subscriptions: sends requests, hands events on, and sees whether the server is
/// still there.
final class SubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var reader: SubscriberReader
    private let interval: TimeAmount
    /// `nil` once nobody wants to hear more.
    private var handOn: (@Sendable (SubscriberEvent) -> Void)?
    private let ended: EventLoopPromise<RedisError>
    private var context: ChannelHandlerContext?
    private var nextLook: Scheduled<Void>?
    /// Whether anything has come since the last look.
    private var hasHeard = true
    private var failure: RedisError?

    init(
        limits: RESPLimits,
        interval: TimeAmount,
        ended: EventLoopPromise<RedisError>,
        _ handOn: @escaping @Sendable (SubscriberEvent) -> Void
    ) {
        self.reader = SubscriberReader(limits: limits)
        self.interval = interval
        self.ended = ended
        self.handOn = handOn
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.scheduleLook()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.end()
    }

    // MARK: Requests

    func send(_ requests: [SubscriberReader.Request]) {
        guard let context = self.context, self.failure == nil else { return }
        var buffer = ByteBuffer()
        for request in requests {
            self.reader.encode(request, into: &buffer)
            // A ByteBuffer holds less than 4 GiB.
            if buffer.readableBytes > 1 << 20 {
                context.write(self.wrapOutboundOut(buffer), promise: nil)
                buffer = ByteBuffer()
            }
        }
        context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
    }

    /// Hands nothing on any more, and ends.
    func stop() {
        self.handOn = nil
        self.close(RedisError(.connectionClosed, "the subscriptions were given up"))
    }

    private func close(_ error: RedisError) {
        if self.failure == nil { self.failure = error }
        self.context?.close(promise: nil)
    }

    // MARK: Liveness

    private func scheduleLook() {
        self.nextLook = self.context?.eventLoop.assumeIsolated().scheduleTask(in: self.interval) { self.look() }
    }

    private func look() {
        guard self.hasHeard else {
            return self.close(RedisError(.connectionClosed, "the server has been silent for too long"))
        }
        self.hasHeard = false
        if !self.reader.awaited.contains(.ping) { self.send([.ping]) }
        self.scheduleLook()
    }

    // MARK: Events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.failure == nil else { return }
        self.hasHeard = true
        do throws(RESPError) {
            try self.reader.receive(self.unwrapInboundIn(data)) { self.handOn?($0) }
        } catch {
            self.close(RedisError(.protocolViolation, error.message, cause: error))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.close(
            error as? RedisError
                ?? RedisError(.connectionClosed, "the connection failed: \(error)", cause: error)
        )
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    private func end() {
        self.nextLook?.cancel()
        self.handOn = nil
        // Only the first counts.
        self.ended.succeed(self.failure ?? RedisError(.connectionClosed, "the connection was closed"))
    }
}

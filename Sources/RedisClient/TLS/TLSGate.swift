import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind the TLS handler until the first decrypted bytes have come: says when TLS is up, and what it means when
/// it fails.
///
/// In TLS 1.3 a server looks at the client's certificate after the client has finished, so a refusal comes in place of
/// the first reply.
final class TLSGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private enum Phase {
        case handshaking
        /// Nothing has been decrypted yet.
        case up
        /// Told, or closed by ourselves.
        case over
    }

    private let tls: TLSClient
    private let handler: NIOSSLClientHandler
    private let promise: EventLoopPromise<Void>
    private let timeout: TimeAmount
    private let report: @Sendable (RedisError) -> Void
    private var overdue: Scheduled<Void>?
    private var slow: Scheduled<Void>?

    /// When callers who wait are told that the handshake is slow: Redis and Valkey wait in silence when they get one on
    /// a port in clear.
    private static let patience = TimeAmount.milliseconds(500)
    private static let silence =
        "a port in clear answers nothing to a TLS handshake; connect to the server's TLS port, "
        + "or turn tls off"
    private var phase = Phase.handshaking

    /// A gate for one channel; `report` is told what waiting callers should know before the outcome.
    init(
        _ tls: TLSClient,
        _ handler: NIOSSLClientHandler,
        _ up: EventLoopPromise<Void>,
        within timeout: TimeAmount,
        report: @escaping @Sendable (RedisError) -> Void
    ) {
        self.tls = tls
        self.handler = handler
        self.promise = up
        self.timeout = timeout
        self.report = report
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        self.overdue = context.eventLoop.assumeIsolated()
            .scheduleTask(in: self.timeout) {
                self.fail("TLS was not up within connectTimeout; \(Self.silence)")
                channel.close(promise: nil)
            }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.slow = context.eventLoop.assumeIsolated()
            .scheduleTask(in: Self.patience) {
                guard self.phase == .handshaking else { return }
                self.report(self.tls.failure("TLS is not up after half a second; \(Self.silence)"))
            }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.fail("the connection was closed") }

    // MARK: Handshake

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, self.phase == .handshaking {
            if let refusal = self.tls.refusal(of: self.handler.peerCertificate) {
                self.fail(refusal)
                context.close(promise: nil)
            } else {
                self.phase = .up
                self.cancelTimers()
                self.promise.succeed(())
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func fail(_ reason: String, cause: (any Error)? = nil) {
        guard self.phase == .handshaking else { return }
        self.phase = .over
        self.cancelTimers()
        self.promise.fail(self.tls.failure(reason, cause: cause))
    }

    private func cancelTimers() {
        self.overdue?.cancel()
        self.slow?.cancel()
    }

    // MARK: Behind the handshake

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.phase == .up else { return }
        self.phase = .over
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch self.phase {
        case .handshaking:
            self.fail(self.tls.reason(of: error, certificate: self.handler.peerCertificate), cause: error)
        case .up:
            self.phase = .over
            context.fireErrorCaught(self.tls.failure(self.tls.reasonAfterwards(of: error), cause: error))
        case .over: context.fireErrorCaught(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch self.phase {
        case .handshaking: self.fail(self.tls.reason(of: nil, certificate: nil))
        case .up:
            self.phase = .over
            context.fireErrorCaught(self.tls.failure(self.tls.reasonAfterwards(of: nil)))
        case .over: break
        }
        context.fireChannelInactive()
    }

    /// Closed on our side: no fault of the server's.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.fail("the connection was closed before TLS was up")
        self.phase = .over
        context.close(mode: mode, promise: promise)
    }
}

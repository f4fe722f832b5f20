import NIOCore
import NIOPosix
import NIOSSL
import RedisClient
import Synchronization
import TestServers

/// The settings for a server's TLS port; trusts the tests' authority.
func tlsConfiguration(for server: ServerProcess, host: String = "localhost") throws -> RedisClientConfiguration {
    var configuration = RedisClientConfiguration()
    configuration.address = .host(host, port: server.tlsPort ?? 0)
    var tls = RedisTLSConfiguration()
    tls.trustStore = try TestCertificates.shared.certificate(.authority)
    configuration.tls = tls
    return configuration
}

extension RedisTLSConfiguration {
    /// Shows one of the tests' certificates to the server.
    mutating func present(_ name: TestCertificates.Name) throws {
        self.certificate = try TestCertificates.shared.certificate(name)
        self.privateKey = try TestCertificates.shared.key(name)
    }
}

/// Speaks TLS in a server's place, on a TCP port or a unix socket, and passes everything on to the server in clear.
///
/// Or knows nothing of TLS, passes on what goes to and fro, and puts bytes of its own in between.
final class TLSFront: Sendable {
    private let channel: any Channel
    private let clients: Clients

    private final class Clients: Sendable { let channels = Mutex<[any Channel]>([]) }

    /// Speaks TLS, at `path` or on a free port.
    convenience init(
        before server: ServerProcess,
        path: String? = nil,
        _ change: @escaping @Sendable (inout TLSConfiguration) -> Void = { _ in }
    ) async throws {
        let certificates = try TestCertificates.shared
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificates.certificate(.server))
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: certificates.key(.server), format: .pem))
        )
        change(&tls)
        try await self.init(to: server.port, path: path, try NIOSSLContext(configuration: tls))
    }

    /// Passes on what is encrypted as it is.
    convenience init(beforeTLSPortOf server: ServerProcess) async throws {
        try await self.init(to: server.tlsPort ?? 0, path: nil, nil)
    }

    private init(to port: Int, path: String?, _ context: NIOSSLContext?) async throws {
        let clients = Clients()
        self.clients = clients
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                clients.channels.withLock { $0.append(client) }
                let server = ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { server in
                        server.eventLoop.makeCompletedFuture {
                            try server.pipeline.syncOperations.addHandler(Glue(to: client))
                        }
                    }
                    .connect(host: "127.0.0.1", port: port)
                return server.flatMapThrowing { server in
                    if let context {
                        try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try client.pipeline.syncOperations.addHandler(Glue(to: server))
                }
            }
        self.channel =
            if let path {
                try await bootstrap.bind(unixDomainSocketPath: path).get()
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            }
    }

    var address: RedisAddress { .host("localhost", port: self.channel.localAddress?.port ?? 0) }

    func stop() { self.channel.close(promise: nil) }

    /// Puts bytes into the stream to every client.
    func inject(_ text: String) {
        for client in self.clients.channels.withLock({ $0 }) {
            client.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
    }

    private final class Glue: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel
        init(to other: any Channel) { self.other = other }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.other.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// Takes everything and says the same to everybody, by default nothing.
final class SilentServer: Sendable {
    private let channel: any Channel
    private let received: Received

    private final class Received: Sendable { let bytes = Mutex<[UInt8]>([]) }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let received: Received
        private let answer: String
        init(_ received: Received, _ answer: String) {
            self.received = received
            self.answer = answer
        }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.received.bytes.withLock { $0 += self.unwrapInboundIn(data).readableBytesView }
            guard !self.answer.isEmpty else { return }
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.answer)), promise: nil)
        }
    }

    init(answering answer: String = "") async throws {
        let received = Received()
        self.received = received
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(received, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var bytes: [UInt8] { self.received.bytes.withLock { $0 } }
    var address: RedisAddress { .host("127.0.0.1", port: self.channel.localAddress?.port ?? 0) }
    func stop() { self.channel.close(promise: nil) }
}

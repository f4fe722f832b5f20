import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A TCP client that shows what it receives and how it ends.
final class BareClient: Sendable {
    private struct State {
        var received = ByteBuffer()
        var reads = 0
        var hasEnded = false
        var wasReset = false
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    fileprivate init() {}

    fileprivate func connect(_ port: Int, reads: Bool) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(client: self))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        self.channel.withLock { $0 = channel }
    }

    fileprivate func close() async {
        try? await self.channel.withLock { $0 }?.close().get()
    }

    func send(_ text: String) async throws {
        try await self.channel.withLock { $0 }?.writeAndFlush(ByteBuffer(string: text)).get()
    }

    /// What has come and was not read.
    var received: String { self.state.withLock { String(buffer: $0.received) } }
    var reads: Int { self.state.withLock { $0.reads } }
    var hasEnded: Bool { self.state.withLock { $0.hasEnded } }
    var wasReset: Bool { self.state.withLock { $0.wasReset } }

    func read(_ count: Int) async throws -> String {
        try await eventually { self.state.withLock { $0.received.readableBytes >= count || $0.hasEnded } }
        return self.state.withLock { $0.received.readString(length: min(count, $0.received.readableBytes)) ?? "" }
    }

    func readToEnd() async throws -> String {
        try await eventually { self.hasEnded }
        return self.received
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let client: BareClient
        init(client: BareClient) { self.client = client }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = self.unwrapInboundIn(data)
            self.client.state.withLock {
                $0.reads += 1
                $0.received.writeImmutableBuffer(bytes)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { self.client.state.withLock { $0.hasEnded = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.client.state.withLock { $0.wasReset = $0.wasReset || "\(error)".contains("reset") }
            context.close(promise: nil)
        }
    }
}

/// Runs `body` with a client connected to a port of the loopback interface, and closes it.
func withBareClient(_ port: Int, reads: Bool = true, _ body: (BareClient) async throws -> Void) async throws {
    let client = BareClient()
    try await client.connect(port, reads: reads)
    do {
        try await body(client)
        await client.close()
    } catch {
        await client.close()
        throw error
    }
}

/// Waits until something is so; records an issue when it is not within 10 seconds.
func eventually(_ location: SourceLocation = #_sourceLocation, _ condition: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("not within 10 seconds", sourceLocation: location)
            return
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}

import NIOCore
import NIOPosix
import RedisClient
import Synchronization

/// A server that answers the handshake and, to the n-th command after it, the n-th of the given replies: any bytes, in
/// the given pieces, and then closes if told so.
final class ScriptedServer: Sendable {
    /// What follows one command.
    struct Answer: Sendable {
        var pieces: [[UInt8]]
        var closes = false

        init(_ text: String..., closes: Bool = false) {
            self.pieces = text.map { Array($0.utf8) }
            self.closes = closes
        }
    }

    private let channel: any Channel

    /// Where it listens.
    var configuration: RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: self.channel.localAddress?.port ?? 0)
        return configuration
    }

    /// Starts listening; `answers` has an entry for each connection in turn, the last one for all further ones.
    ///
    /// The first `endingHandshakes` connections end with the last line of the handshake.
    init(_ answers: [[Answer]], endingHandshakes: Int = 0) async throws {
        let accepted = AcceptCount()
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let connection = accepted.next()
                let number = min(connection, answers.count - 1)
                return channel.eventLoop.makeCompletedFuture {
                    let script = Script(answers[number], endsHandshake: connection < endingHandshakes)
                    try channel.pipeline.syncOperations.addHandler(script)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() { self.channel.close(promise: nil) }

    private final class AcceptCount: Sendable {
        private let count = Atomic<Int>(0)
        func next() -> Int { self.count.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    private final class Script: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var answers: ArraySlice<Answer>
        /// HELLO and two times CLIENT SETINFO.
        private var handshake = [
            "%3\r\n+server\r\n+redis\r\n+version\r\n+8.0.0\r\n+proto\r\n:3\r\n", "+OK\r\n", "+OK\r\n",
        ][...]

        private let endsHandshake: Bool

        init(_ answers: [Answer], endsHandshake: Bool) {
            self.answers = answers[...]
            self.endsHandshake = endsHandshake
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // Commands are arrays of bulk strings: each starts with an asterisk at the start of a line.
            var previous = UInt8(ascii: "\n")
            for byte in self.unwrapInboundIn(data).readableBytesView {
                defer { previous = byte }
                guard byte == UInt8(ascii: "*"), previous == UInt8(ascii: "\n") else { continue }
                if let line = self.handshake.popFirst() {
                    context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: line)), promise: nil)
                    if self.handshake.isEmpty, self.endsHandshake { context.close(promise: nil) }
                } else if let answer = self.answers.popFirst() {
                    for piece in answer.pieces {
                        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: piece)), promise: nil)
                    }
                    if answer.closes { context.close(promise: nil) }
                }
            }
        }
    }
}

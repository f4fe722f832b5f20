import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestServers
import Testing

/// A text that stands for passwords, keys and values, and all places where people would see it.
final class Marker: Sendable {
    /// Neither a word of ours nor of a server's.
    static let text = "zq7-marker"

    let recorder = LogRecorder()
    private let count = Atomic(0)
    /// The errors looked at.
    var errors: Int { self.count.load(ordering: .relaxed) }

    /// Looks for the marker in every form in which an error is shown.
    func look(at error: any Error, _ location: SourceLocation = #_sourceLocation) {
        self.count.wrappingAdd(1, ordering: .relaxed)
        self.look(in: "\(error.localizedDescription) \((error as NSError).debugDescription)", location)
        self.look(at: error as Any, location)
    }

    /// Looks for the marker in every form in which a value is shown.
    func look(at value: Any, _ location: SourceLocation = #_sourceLocation) {
        var dumped = ""
        dump(value, to: &dumped)
        for text in [String(describing: value), String(reflecting: value), dumped] { self.look(in: text, location) }
    }

    func look(in text: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(!text.localizedCaseInsensitiveContains(Self.text), "\(text.prefix(2000))", sourceLocation: location)
    }

    /// Runs what must fail, and looks at its error.
    func expectError(
        _ what: String,
        _ location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("\(what): no error", sourceLocation: location)
        } catch {
            self.look(at: error, location)
        }
    }

    /// Looks at all that has been logged, at every level.
    func lookAtLog(atLeast count: Int, _ location: SourceLocation = #_sourceLocation) {
        let lines = self.recorder.messages(at: .trace)
        #expect(lines.count >= count, "\(lines)", sourceLocation: location)
        self.look(in: lines.joined(separator: "\n"), location)
    }
}

/// Answers the commands of the handshake, and everything behind them with the given bytes.
final class RawServer: Sendable {
    private let channel: any Channel

    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var handshake = ["%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n", "+OK\r\n+OK\r\n"][...]
        private let answer: String
        init(_ answer: String) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let line = self.handshake.popFirst() ?? self.answer
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: line)), promise: nil)
        }
    }

    init(_ answer: String) async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answers(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { self.channel.localAddress?.port ?? 0 }
    func stop() { self.channel.close(promise: nil) }
}

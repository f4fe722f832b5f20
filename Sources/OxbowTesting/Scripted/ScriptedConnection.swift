import NIOCore

/// One connection of a scripted server: cuts the input into commands, and takes the steps of the answers in order.
final class ScriptedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let number: Int
    private let answer: (inout ScriptedServer.Command) -> ScriptedServer.Answer
    private var parser = CommandParser()
    private var commands = 0
    private var actions = CircularBuffer<ScriptedServer.Action>()
    private var isWaiting = false
    private var hasFailed = false

    init(_ number: Int, answer: @escaping (inout ScriptedServer.Command) -> ScriptedServer.Answer) {
        self.number = number
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasFailed else { return }
        self.parser.receive(self.unwrapInboundIn(data))
        do throws(CommandParser.Failure) {
            while let words = try self.parser.next() {
                var command = ScriptedServer.Command(
                    rawWords: words,
                    connection: self.number,
                    number: self.commands,
                    isHandshake: false
                )
                let answer = self.answer(&command)
                if !command.isHandshake { self.commands += 1 }
                self.actions.append(contentsOf: answer.actions)
            }
        } catch {
            self.hasFailed = true
            self.actions.append(contentsOf: [.send("-ERR Protocol error: \(error.message)\r\n"), .close])
        }
        self.proceed(context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Takes steps behind all that wait, unasked.
    func append(_ actions: [ScriptedServer.Action], _ channel: any Channel) {
        self.actions.append(contentsOf: actions)
        self.proceed(channel)
    }

    private func proceed(_ channel: any Channel) {
        while !self.isWaiting, let action = self.actions.popFirst() {
            switch action.kind {
            case .send(let bytes): channel.writeAndFlush(bytes, promise: nil)
            case .end(let end):
                self.actions.removeAll()
                self.hasFailed = true
                // Closing drops what has not been written yet.
                channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.end(end) }
            case .wait(let duration):
                self.isWaiting = true
                channel.eventLoop.assumeIsolated()
                    .scheduleTask(in: TimeAmount(duration)) {
                        self.isWaiting = false
                        self.proceed(channel)
                    }
            }
        }
    }
}

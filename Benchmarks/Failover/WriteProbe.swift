import NIOCore
import NIOPosix
import Synchronization

/// The yardstick: when any server first takes a write, found by bare connections that know nothing of failovers.
struct WriteProbe: Sendable {
    /// Where to try, on 127.0.0.1.
    var ports: [Int]
    var password: String
    /// A key that the load does not use.
    var key: String
    /// Whether another server may answer each new connection, so that every try is made over one of its own.
    var isFront: Bool

    var summary: String {
        self.isFront
            ? "first SET through a new connection to HAProxy, bare RESP: the front's own delay is in it"
            : "first SET that any other server takes, bare RESP"
    }

    /// Tries until a server takes the write.
    ///
    /// - Parameter limit: the longest time to try.
    /// - Returns: when the first OK came; `nil` when none came in time.
    /// - Throws: when the event loop cannot be ended.
    func firstWrite(within limit: Duration) async throws -> ContinuousClock.Instant? {
        // Threads of its own: the client's loops may be busy.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let outcome = ProbeOutcome()
        let deadline = ContinuousClock.now + limit
        await withDiscardingTaskGroup { tasks in
            for port in self.ports where !self.isFront {
                tasks.addTask {
                    while !Task.isCancelled {
                        await self.connect(port, group, outcome)
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
            }
            while outcome.firstWrite == nil, ContinuousClock.now < deadline, !Task.isCancelled {
                if self.isFront, let port = self.ports.first {
                    // Each has 100 ms: some are under way at once, or the yardstick would be as coarse as that.
                    tasks.addTask { await self.connect(port, group, outcome) }
                }
                try? await Task.sleep(for: .milliseconds(20))
            }
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
        return outcome.firstWrite
    }

    /// Makes a connection and tries over it until it ends.
    private func connect(_ port: Int, _ group: MultiThreadedEventLoopGroup, _ outcome: ProbeOutcome) async {
        let words = (["AUTH", self.password], ["SET", self.key, "probe"])
        let channel = try? await ClientBootstrap(group: group).connectTimeout(.milliseconds(100))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ProbeHandler(words.0, words.1, repeats: !self.isFront, outcome)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        guard let channel else { return }
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// When the first write was taken.
private final class ProbeOutcome: Sendable {
    private let first = Mutex<ContinuousClock.Instant?>(nil)

    var firstWrite: ContinuousClock.Instant? { self.first.withLock { $0 } }

    func succeed() {
        let now = ContinuousClock.now
        self.first.withLock { $0 = min($0 ?? now, now) }
    }
}

/// Sends AUTH, then one write after the other; closes when an answer takes longer than 100 ms.
private final class ProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let authentication: [String]
    private let command: [String]
    private let repeats: Bool
    private let outcome: ProbeOutcome
    private var received = ByteBuffer()
    private var isAuthenticated = false
    private var deadline: Scheduled<Void>?

    init(_ authentication: [String], _ command: [String], repeats: Bool, _ outcome: ProbeOutcome) {
        self.authentication = authentication
        self.command = command
        self.repeats = repeats
        self.outcome = outcome
    }

    func channelActive(context: ChannelHandlerContext) { self.send(self.authentication, context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.received.writeImmutableBuffer(self.unwrapInboundIn(data))
        // Only one answer is ever outstanding, and each is one line.
        guard self.received.readableBytesView.last == UInt8(ascii: "\n") else { return }
        let isOK = self.received.readableBytesView.starts(with: "+OK".utf8)
        self.received.clear()
        self.deadline?.cancel()
        if !self.isAuthenticated, isOK {
            self.isAuthenticated = true
            self.send(self.command, context)
        } else if self.isAuthenticated, !isOK, self.repeats {
            context.eventLoop.assumeIsolated()
                .scheduleTask(in: .milliseconds(5)) {
                    if context.channel.isActive { self.send(self.command, context) }
                }
        } else {
            if isOK { self.outcome.succeed() }
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { self.deadline?.cancel() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func send(_ words: [String], _ context: ChannelHandlerContext) {
        let text = words.reduce("*\(words.count)\r\n") { "\($0)$\($1.utf8.count)\r\n\($1)\r\n" }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        self.deadline = context.eventLoop.assumeIsolated()
            .scheduleTask(in: .milliseconds(100)) { context.close(promise: nil) }
    }
}

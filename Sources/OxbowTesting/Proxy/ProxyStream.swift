import NIOCore

/// One direction of one connection: keeps what may not go on yet, and reads no more than it can keep.
///
/// Everything here happens on the loop that both channels share.
final class ProxyStream {
    private let source: any Channel
    private let destination: any Channel
    private let plan: ProxyPlan
    private let carriesReplies: Bool
    private let count: (_ forwarded: Int, _ discarded: Int) -> Void

    private var held = CircularBuffer<(bytes: ByteBuffer, arrival: NIODeadline)>()
    private var heldBytes = 0
    private var generation = 0
    /// Bytes that have gone on since the plan was set.
    private var forwarded = 0
    private var hasHole = false
    private var hasSourceEnded = false
    /// The last bytes are on their way, or the connection has been ended.
    private var isOver = false
    private var isPumping = false
    private var isReading = true
    private var pausedUntil = NIODeadline.uptimeNanoseconds(0)
    private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

    /// Kept at most, but for one read more.
    private static let maximumHeldBytes = 1 << 20
    /// Slices written before other work of the loop gets its turn.
    private static let slicesInARow = 256

    init(
        from source: any Channel,
        to destination: any Channel,
        plan: ProxyPlan,
        carriesReplies: Bool,
        count: @escaping (_ forwarded: Int, _ discarded: Int) -> Void
    ) {
        self.source = source
        self.destination = destination
        self.plan = plan
        self.carriesReplies = carriesReplies
        self.count = count
    }

    func receive(_ bytes: ByteBuffer) {
        self.held.append((bytes, .now()))
        self.heldBytes += bytes.readableBytes
        self.pump()
    }

    /// The source has closed; so will the destination, behind what is held.
    func sourceEnded() {
        self.hasSourceEnded = true
        self.pump()
    }

    /// Forwards what may go on now, and sees to it that the rest is looked at in time.
    func pump() {
        // Writing may change the writability, which leads back here.
        guard !self.isPumping, !self.isOver else { return }
        self.isPumping = true
        defer { self.isPumping = false }
        let (behavior, generation) = self.plan.current
        if generation != self.generation {
            self.generation = generation
            self.forwarded = 0
            self.pausedUntil = .uptimeNanoseconds(0)
        }
        if let end = behavior.end { return self.endBoth(end) }
        let flow = self.carriesReplies ? behavior.replies : behavior.requests
        var slices = 0
        while self.step(flow) {
            slices += 1
            if slices == Self.slicesInARow, !self.isOver {
                self.schedule(at: .now())
                break
            }
        }
        self.adjustReading(flow)
    }

    /// Does one thing; `false` when there is nothing to be done now.
    private func step(_ flow: FaultProxy.Flow) -> Bool {
        guard !self.isOver, !flow.holds else { return false }
        guard let arrival = self.held.first?.arrival else {
            // Nothing reaches a destination that is not open yet, not even its end.
            if self.hasSourceEnded, self.destination.isActive {
                self.isOver = true
                // Closing drops what has not been written yet.
                let destination = self.destination
                destination.writeAndFlush(ByteBuffer()).whenComplete { _ in destination.close(promise: nil) }
            }
            return false
        }
        if flow.cutAfterBytes == 0 {
            self.endBoth(flow.cut)
            return false
        }
        let due = max(arrival + TimeAmount(flow.delay), self.pausedUntil)
        let now = NIODeadline.now()
        guard due <= now else {
            self.schedule(at: due)
            return false
        }
        guard self.destination.isActive, self.destination.isWritable || flow.discards else { return false }
        self.forward(flow, now)
        return true
    }

    private func forward(_ flow: FaultProxy.Flow, _ now: NIODeadline) {
        let left = flow.cutAfterBytes.map { max(0, $0 - self.forwarded) } ?? .max
        let length = min(self.held[self.held.startIndex].bytes.readableBytes, max(1, flow.sliceBytes ?? .max), left)
        guard let piece = self.held[self.held.startIndex].bytes.readSlice(length: length) else { return }
        if self.held[self.held.startIndex].bytes.readableBytes == 0 { self.held.removeFirst() }
        self.heldBytes -= length
        self.forwarded += length
        self.pausedUntil = now + TimeAmount(flow.slicePause)
        if flow.discards || self.hasHole {
            self.hasHole = true
            self.count(0, length)
            if length == left { self.endBoth(flow.cut) }
        } else if length == left {
            self.count(length, 0)
            self.isOver = true
            // The last bytes must be out before the end is.
            let bound = NIOLoopBound(self, eventLoop: self.destination.eventLoop)
            self.destination.writeAndFlush(piece)
                .whenComplete { _ in
                    bound.value.isOver = false
                    bound.value.endBoth(flow.cut)
                }
        } else {
            self.count(length, 0)
            self.destination.writeAndFlush(piece, promise: nil)
        }
    }

    private func endBoth(_ end: ConnectionEnd) {
        guard !self.isOver else { return }
        self.isOver = true
        let (client, server) =
            self.carriesReplies ? (self.destination, self.source) : (self.source, self.destination)
        client.end(end)
        server.close(promise: nil)
    }

    private func schedule(at deadline: NIODeadline) {
        if let timer = self.timer, timer.deadline <= deadline { return }
        self.timer?.task.cancel()
        let task = self.destination.eventLoop.assumeIsolated()
            .scheduleTask(deadline: deadline) {
                self.timer = nil
                self.pump()
            }
        self.timer = (deadline, task)
    }

    /// Lets the source wait while the destination, or this stream itself, has enough.
    private func adjustReading(_ flow: FaultProxy.Flow) {
        let reads =
            flow.discards || self.hasHole
            || (!flow.holds && self.destination.isWritable && self.heldBytes < Self.maximumHeldBytes)
        guard reads != self.isReading, self.source.isActive else { return }
        self.isReading = reads
        try? self.source.syncOptions?.setOption(.autoRead, value: reads)
    }
}

/// Leads the events of one side to the two streams.
final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let incoming: ProxyStream
    private let outgoing: ProxyStream

    init(incoming: ProxyStream, outgoing: ProxyStream) {
        self.incoming = incoming
        self.outgoing = outgoing
    }

    func channelActive(context: ChannelHandlerContext) {
        self.outgoing.pump()
        self.incoming.pump()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.incoming.receive(self.unwrapInboundIn(data)) }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.outgoing.pump() }

    func channelInactive(context: ChannelHandlerContext) { self.incoming.sourceEnded() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

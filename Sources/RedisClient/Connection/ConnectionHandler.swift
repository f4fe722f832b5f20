import NIOCore
import RESP
import Synchronization

/// The loop's side of one connection: writes batches, and resumes whoever waits for the replies that come.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let multiplexer: Multiplexer
    private var context: ChannelHandlerContext?
    private var replies: ReplyAssembler
    /// Exchanged with the multiplexer's full ones at each drain.
    private var spareBytes = ByteBuffer()
    private var spareSlots: [Slot] = []
    /// When bytes last came, or the first slot of an idle connection was appended.
    private var lastProgress: UInt64 = 0
    private var failure: RedisError?
    private var isDraining = false
    /// No more is sent, and what has been sent may be answered for a while.
    private var isLeaving = false
    private var isWriting = false

    /// Larger storage is given back after a batch.
    private static let keptCapacity = 1 << 20

    init(multiplexer: Multiplexer, limits: RESPLimits) {
        self.multiplexer = multiplexer
        self.replies = ReplyAssembler(limits: limits)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: Sending

    /// Writes all that callers have submitted, in one flush.
    func drain() {
        // Without room in the socket the batch grows where it is: bounded, and `isDrainScheduled` stays set. Deadlines
        // are looked at all the same.
        self.multiplexer.startTicking()
        // What comes while a failed connection says goodbye stays where it is, not sent.
        guard self.failure == nil, let context = self.context, context.channel.isWritable else { return }
        self.multiplexer.take(
            self,
            bytes: &self.spareBytes,
            slots: &self.spareSlots,
            inFlight: self.replies.ring.outstanding
        )
        guard !self.spareSlots.isEmpty else { return }
        if self.replies.ring.count == 0 { self.lastProgress = NIODeadline.now().uptimeNanoseconds }
        let before = self.replies.ring.outstanding
        for slot in self.spareSlots { self.replies.ring.append(slot) }
        self.spareSlots.removeAll(keepingCapacity: true)
        self.multiplexer.counters.commands.wrappingAdd(
            UInt64(self.replies.ring.outstanding - before),
            ordering: .relaxed
        )
        self.multiplexer.counters.flushes.wrappingAdd(1, ordering: .relaxed)
        self.isWriting = true
        context.writeAndFlush(self.wrapOutboundOut(self.spareBytes), promise: nil)
        self.isWriting = false
        if self.spareBytes.capacity > Self.keptCapacity {
            self.spareBytes = ByteBuffer()
        } else {
            self.spareBytes.clear()
        }
    }

    /// Writes past the queue, for the handshake.
    func sendDirectly(_ bytes: ByteBuffer, _ slot: Slot) {
        self.replies.ring.append(slot)
        guard let context = self.context, context.channel.isActive else { return self.failAll(self.closedError) }
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // A large batch changes it within its own write, when `spareBytes` still holds what is being written. Whoever
        // submits meanwhile asks for a drain of its own.
        if context.channel.isWritable, !self.isWriting { self.drain() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.failure == nil else { return }
        self.multiplexer.counters.reads.wrappingAdd(1, ordering: .relaxed)
        self.lastProgress = NIODeadline.now().uptimeNanoseconds
        do throws(RESPError) {
            try self.replies.receive(self.unwrapInboundIn(data))
        } catch {
            let failure = RedisError(.protocolViolation, error.message, delivery: .unknown, cause: error)
            self.multiplexer.counters.note(ClientLimit(failure))
            self.close(failure)
        }
        if !self.replies.pushes.isEmpty {
            for push in self.replies.takePushes() { self.multiplexer.watches.receive(push: push) }
        }
        // Before anybody is resumed, who would come here again.
        if self.replies.isReadOnly, self.multiplexer.leavesReplica, self.failure == nil, !self.isLeaving {
            self.leave()
        }
        self.multiplexer.noteRoom(inFlight: self.replies.ring.outstanding)
        let ready = self.replies.takeReady()
        // Callers resumed here submit their next commands at once, on other threads: one drain behind the loop takes
        // them all, so none of them needs to wake this loop.
        self.multiplexer.announceDrain()
        self.multiplexer.executor.announceRun()
        for (waiting, replies) in ready { waiting.resume(returning: replies) }
        self.replies.reuse(consume ready)
        // Tasks that run on this loop go on now, so that what they submit leaves in the same batch.
        self.multiplexer.executor.runJobs()
        self.drain()
        if self.isDraining { self.closeIfDrained() }
        if self.isLeaving, self.replies.ring.count == 0 { self.close(Self.replicaError) }
    }

    // MARK: Ends

    private static let replicaError = RedisError(
        .connectionClosed,
        "the server has become a replica",
        delivery: .unknown
    )

    /// How long replies may still come when no more is sent.
    private static let leavingTime = TimeAmount.milliseconds(250)

    /// Sends nothing more to a server that takes no writes, and closes the connection when what was sent is answered.
    ///
    /// A script may have its own reasons to say READONLY: others' replies must not be lost for it.
    private func leave() {
        self.isLeaving = true
        self.multiplexer.detach(self, Self.replicaError)
        self.context?.eventLoop.assumeIsolated().scheduleTask(in: Self.leavingTime) { self.close(Self.replicaError) }
    }

    /// Abandons the slots whose callers have waited long enough, and the connection when nothing has come for very
    /// long.
    ///
    /// - Returns: whether replies are still awaited.
    func expire(at now: UInt64, _ error: RedisError, unresponsiveAfter: UInt64) -> Bool {
        for waiting in self.replies.ring.abandonOverdue(at: now) { waiting.fail(error) }
        self.closeIfSilent(for: unresponsiveAfter, at: now)
        return self.replies.ring.count > 0
    }

    /// Whether replies are awaited and nothing has come for so long.
    func hasBeenSilent(for limit: UInt64, at now: UInt64) -> Bool {
        self.replies.ring.count > 0 && now > self.lastProgress && now - self.lastProgress >= limit
    }

    /// Closes the connection if a reply is overdue, or the peer does not even read, and nothing has come for long.
    func closeIfSilent(for limit: UInt64, at now: UInt64 = NIODeadline.now().uptimeNanoseconds) {
        // A slow command with a deadline of its own is no reason; one whose time is over is.
        let isOverdue = self.replies.ring.firstDeadline.map { $0 <= now } ?? !(self.context?.channel.isWritable ?? true)
        if isOverdue, now > self.lastProgress, now - self.lastProgress >= limit {
            self.close(RedisError(.connectionClosed, "the server has been silent for too long", delivery: .unknown))
        }
    }

    /// Closes the connection once all that was submitted is answered.
    func closeWhenDrained() {
        self.isDraining = true
        self.closeIfDrained()
    }

    private func closeIfDrained() {
        if self.replies.ring.count == 0, self.multiplexer.isQueueEmpty { self.context?.close(promise: nil) }
    }

    func close(_ error: RedisError) {
        if self.failure == nil { self.failure = error }
        self.context?.close(promise: nil)
    }

    private var closedError: RedisError {
        self.failure ?? RedisError(.connectionClosed, "the connection was closed", delivery: .unknown)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let failure =
            error as? RedisError
            ?? RedisError(.connectionClosed, "the connection failed: \(error)", delivery: .unknown, cause: error)
        self.close(failure)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.failAll(self.closedError)
        self.multiplexer.detach(self, self.closedError)
        context.fireChannelInactive()
    }

    private func failAll(_ error: RedisError) {
        for (waiting, replies) in self.replies.end(error) { waiting.resume(returning: replies) }
    }
}

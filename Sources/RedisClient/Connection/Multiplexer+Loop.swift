import NIOCore
import Synchronization

/// The event loop's side of a multiplexer, and the changes of its life.
extension Multiplexer {
    /// Begins; `false` if it has begun before.
    func start() -> Bool {
        self.queue.withLock { queue in
            guard case .idle = queue.phase else { return false }
            queue.phase = .connecting(nil)
            return true
        }
    }

    /// Remembers why the last attempt to connect failed.
    func connectFailed(_ error: RedisError) {
        self.queue.withLock { queue in
            if case .connecting = queue.phase { queue.phase = .connecting(error) }
        }
    }

    /// Opens the way for callers.
    ///
    /// On the loop.
    ///
    /// - Returns: `false` when the multiplexer has been stopped meanwhile.
    func attach(_ link: SubmissionQueue.Link) -> Bool {
        let attached = self.queue.withLock { queue in
            guard case .connecting = queue.phase else { return false }
            queue.phase = .connected(link)
            // Before anybody is let in, who might ask.
            self.counters.connects.wrappingAdd(1, ordering: .relaxed)
            queue.isDrainScheduled = false
            // The one before may have been left with replies outstanding.
            queue.inFlight.count = 0
            return true
        }
        if attached { self.callUpWaiters() }
        return attached
    }

    /// The connection has ended, or is not to be used for more: what was not sent yet goes over the next one.
    ///
    /// On the loop.
    func detach(_ handler: ConnectionHandler, _ error: RedisError) {
        let dropped = self.queue.withLock { queue -> [Waiting] in
            switch queue.phase {
            case .connected(let link) where link.handler.value === handler: queue.phase = .connecting(error)
            case .draining(let link) where link.handler.value === handler: queue.phase = .stopped
            default: return []
            }
            return queue.dropQueued()
        }
        let notSent = RedisError(.connectionClosed, error.message, delivery: .notSent, cause: error)
        for waiting in dropped { waiting.fail(notSent) }
        self.callUpWaiters()
        self.watches.noteAll()
    }

    /// Hands the batch over to the loop in exchange for empty storage.
    ///
    /// On the loop.
    func take(_ handler: ConnectionHandler, bytes: inout ByteBuffer, slots: inout [Slot], inFlight: Int) {
        self.queue.withLock { queue in
            // Only to the connection in use: callers' commands are not for one that still shakes hands.
            switch queue.phase {
            case .connected(let link), .draining(let link): guard link.handler.value === handler else { return }
            case .idle, .connecting, .stopped: return
            }
            queue.isDrainScheduled = false
            swap(&queue.bytes, &bytes)
            swap(&queue.slots, &slots)
            queue.inFlight.count = inFlight + queue.queued
            queue.queued = 0
        }
    }

    /// Tells callers that a drain is coming: none of them asks for one.
    ///
    /// ``ConnectionHandler/drain()`` must follow.
    func announceDrain() {
        self.queue.withLock { queue in
            guard case .connected = queue.phase, !queue.isDrainScheduled else { return }
            queue.isDrainScheduled = true
            queue.clock = NIODeadline.now().uptimeNanoseconds
        }
    }

    /// Lets waiting callers in after replies have come.
    ///
    /// On the loop.
    func noteRoom(inFlight: Int) {
        self.inFlight.count = inFlight
        if self.hasWaiters.load(ordering: .acquiring) { self.callUpWaiters() }
    }

    func callUpWaiters() {
        let called = self.queue.withLock { queue in
            let called = queue.callUp()
            self.hasWaiters.store(!queue.waiters.isEmpty, ordering: .releasing)
            return called
        }
        for waiter in called { waiter.continuation.resume(returning: nil) }
    }

    /// Takes nothing new, and answers `error` to whoever comes or waits.
    func retire(_ error: RedisError) {
        self.queue.withLock { $0.retirement = error }
        self.callUpWaiters()
    }

    /// Takes nothing new; what is outstanding goes on.
    ///
    /// Returns the connection to be drained.
    func beginDraining() -> SubmissionQueue.Link? {
        let link = self.queue.withLock { queue -> SubmissionQueue.Link? in
            switch queue.phase {
            case .connected(let link):
                queue.phase = .draining(link)
                return link
            case .draining(let link): return link
            case .idle, .connecting, .stopped:
                queue.phase = .stopped
                return nil
            }
        }
        self.callUpWaiters()
        return link
    }

    /// Whether the life of this multiplexer is over or about to be.
    var isStopping: Bool {
        self.queue.withLock {
            switch $0.phase {
            case .draining, .stopped: true
            case .idle, .connecting, .connected: false
            }
        }
    }

    /// Whether `run()` has begun.
    var hasBegun: Bool { self.queue.withLock { if case .idle = $0.phase { false } else { true } } }

    /// Why there is no connection, as far as that is known.
    var lastFailure: RedisError? {
        self.queue.withLock { if case .connecting(let failure) = $0.phase { failure } else { nil } }
    }

    /// Whether nothing waits for the socket.
    var isQueueEmpty: Bool { self.queue.withLock { $0.slots.isEmpty } }

    // MARK: Deadlines

    /// Probes the connection in use, busy or not, and closes it when nothing at all has come back within `limit`.
    ///
    /// A slow command with a deadline of its own is no reason to close.
    func probe(within limit: Duration) async {
        guard let link = self.link, !(await self.answers(within: limit)), self.link === link else { return }
        self.eventLoop.execute { link.handler.value.closeIfSilent(for: limit.nanosecondsClamped) }
    }

    /// Makes sure that deadlines are looked at.
    ///
    /// On the loop.
    func startTicking() {
        guard !self.isTicking.exchange(true, ordering: .relaxed) else { return }
        self.eventLoop.scheduleTask(in: Self.tick) { self.lookAtDeadlines() }
    }

    private func lookAtDeadlines() {
        self.isTicking.store(false, ordering: .relaxed)
        let now = NIODeadline.now().uptimeNanoseconds
        let (expired, failure, isIdle) = self.queue.withLock { queue in
            queue.clock = now
            let expired = queue.expire(at: now)
            self.hasWaiters.store(!queue.waiters.isEmpty, ordering: .releasing)
            let isIdle = queue.waiters.isEmpty && queue.slots.isEmpty && !queue.isDrainScheduled
            return (expired, queue.waitingFailure, isIdle)
        }
        self.counters.note(ClientLimit(failure), expired.waiters.count)
        for waiter in expired.waiters { waiter.continuation.resume(returning: failure) }
        // Somebody who was called up may not have used the room.
        self.callUpWaiters()
        let timeout = RedisError(.timeout, "no reply within the deadline", delivery: .unknown)
        for waiting in expired.submitted { waiting.fail(timeout) }
        let handler = self.link?.handler.value
        let awaitsReplies =
            handler?.expire(at: now, timeout, unresponsiveAfter: self.settings.unresponsiveAfter) ?? false
        if awaitsReplies, let handler, handler.hasBeenSilent(for: Self.suspiciousSilence, at: now) { self.onSilence() }
        if !isIdle || awaitsReplies { self.startTicking() }
    }
}

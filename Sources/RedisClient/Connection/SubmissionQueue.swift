import NIOCore
import Synchronization

/// What callers and the event loop share, behind one lock: encoded bytes that wait for the socket, their slots in the
/// same order, and callers who wait until they may submit at all.
///
/// Decides; the ``Multiplexer`` acts.
struct SubmissionQueue {
    enum Phase {
        /// `run()` has not begun; callers wait for it.
        case idle
        /// There is no connection; the last attempt's failure.
        case connecting(RedisError?)
        case connected(Link)
        /// Shutting down: outstanding replies are still awaited, nothing new is taken.
        case draining(Link)
        case stopped
    }

    /// The way to the connection: its loop, what to run there when bytes have come, and the server it leads to.
    final class Link: Sendable {
        let handler: NIOLoopBound<ConnectionHandler>
        let drain: @Sendable () -> Void
        let server: ServerInfo

        init(handler: NIOLoopBound<ConnectionHandler>, server: ServerInfo) {
            self.handler = handler
            self.drain = { handler.value.drain() }
            self.server = server
        }
    }

    /// A caller who waits for a connection or for room.
    struct Waiter {
        let continuation: CheckedContinuation<RedisError?, Never>
        let deadline: UInt64
    }

    enum Submission {
        /// Taken; somebody else has asked the loop to drain.
        case queued
        /// Taken; the loop must be asked to drain.
        case drain(Link)
        /// Not now.
        case wait
        case refused(RedisError)
    }

    let maximumCommands: Int
    let maximumBytes: Int
    let maximumCommandBytes: Int
    var phase = Phase.idle
    /// What callers are told once others shall answer them; `nil` while this is the place to come to.
    var retirement: RedisError?
    var bytes = ByteBuffer()
    var slots: [Slot] = []
    /// The frames that the slots in `slots` wait for.
    var queued = 0
    /// The frames awaited by slots the loop has taken over.
    let inFlight = InFlight()
    var isDrainScheduled = false
    /// The loop's time of its last visit, or the first submitter's since then: one clock reading per batch.
    var clock: UInt64 = 0
    var waiters = WaitingLine<Waiter>()

    /// Written by the loop after each batch of replies without the lock, read under it.
    final class InFlight: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int {
            get { self.number.load(ordering: .relaxed) }
            set { self.number.store(newValue, ordering: .relaxed) }
        }
    }

    init(_ configuration: RedisClientConfiguration) {
        self.maximumCommands = configuration.maximumOutstandingCommands
        // A ByteBuffer holds less than 4 GiB; both limits together stay below.
        self.maximumBytes = min(configuration.maximumQueuedBytes, 1 << 30)
        self.maximumCommandBytes = min(configuration.maximumCommandBytes, 1 << 30)
    }

    /// Whether bytes and frames are below their bounds.
    var hasRoom: Bool {
        self.queued + self.inFlight.count < self.maximumCommands && self.bytes.readableBytes < self.maximumBytes
    }

    /// Encodes a command behind those that wait, and appends its slot.
    ///
    /// `isFirstInLine` tells whether the caller has waited for room and was called up.
    mutating func submit(
        expecting count: Int,
        timeout: UInt64,
        isFirstInLine: Bool,
        ignoresCancellation: Bool,
        caller: Caller,
        check: ConnectionCheck,
        encode: (inout ByteBuffer) -> Void
    ) -> Submission {
        // The link is only looked at by the first of a batch.
        guard case .connected = self.phase else { return self.refusal }
        guard self.hasRoom, isFirstInLine || self.waiters.isEmpty else { return .wait }
        let start = self.bytes.writerIndex
        encode(&self.bytes)
        if let refusal = self.refusal(from: start, expecting: count, check) {
            self.bytes.moveWriterIndex(to: start)
            if self.slots.isEmpty { self.bytes = ByteBuffer() }
            return .refused(refusal)
        }
        if !self.isDrainScheduled { self.clock = NIODeadline.now().uptimeNanoseconds }
        let (deadline, overflow) = self.clock.addingReportingOverflow(timeout)
        self.slots.append(
            Slot(
                caller,
                deadline: overflow ? .max : deadline,
                expected: count,
                ignoresCancellation: ignoresCancellation
            )
        )
        self.queued += count
        guard !self.isDrainScheduled, case .connected(let link) = self.phase else { return .queued }
        self.isDrainScheduled = true
        return .drain(link)
    }

    /// Why what has just been encoded must not be sent.
    private func refusal(from start: Int, expecting count: Int, _ check: ConnectionCheck) -> RedisError? {
        guard self.bytes.writerIndex - start <= self.maximumCommandBytes else {
            return RedisError(.commandTooLarge, "a command of more than \(self.maximumCommandBytes) bytes")
        }
        let encoded = self.bytes.readableBytesUInt8Span.extracting((start - self.bytes.readerIndex)...)
        return check.refusal(of: encoded, count: count)
    }

    private var refusal: Submission {
        switch self.phase {
        case .idle, .connecting, .connected: .wait
        case .draining, .stopped: .refused(self.retirement ?? RedisError(.shutDown, "the client is shutting down"))
        }
    }

    /// The callers who may try again now: all when there is no more to wait for, as many as there is room for
    /// otherwise.
    mutating func callUp() -> [Waiter] {
        switch self.phase {
        case .idle, .connecting: return []
        case .draining, .stopped:
            return self.waiters.popFirst(.max)
        case .connected:
            guard self.hasRoom else { return [] }
            return self.waiters.popFirst(self.maximumCommands - self.queued - self.inFlight.count)
        }
    }

    /// Whether a caller may wait for a connection or for room, and until when at most.
    enum Admission {
        case tryAgain
        case wait(until: UInt64)
        case refused(RedisError)
    }

    func admission(until deadline: UInt64, roomBy roomDeadline: UInt64) -> Admission {
        guard self.waiters.count < self.maximumCommands else {
            return .refused(RedisError(.queueFull, "\(self.waiters.count) callers wait already"))
        }
        switch self.phase {
        case .draining, .stopped: return .tryAgain
        case .idle, .connecting: return .wait(until: deadline)
        case .connected:
            return self.hasRoom && self.waiters.isEmpty ? .tryAgain : .wait(until: min(deadline, roomDeadline))
        }
    }

    /// Why a caller has waited in vain.
    var waitingFailure: RedisError {
        let failure: RedisError?
        switch self.phase {
        case .idle: return .notRunning
        case .connecting(let last): failure = last
        case .connected, .draining, .stopped:
            return RedisError(.queueFull, "no room among \(self.maximumCommands) outstanding commands")
        }
        let reason = failure.map { ": \($0.message)" } ?? ""
        return RedisError(.cannotConnect, "no connection within the deadline\(reason)", cause: failure)
    }

    /// Takes the callers who have waited long enough: those in line, and those whose bytes the loop has not taken yet.
    mutating func expire(at now: UInt64) -> (waiters: [Waiter], submitted: [Waiting]) {
        let expired = self.waiters.removeAll { $0.deadline <= now }
        var submitted: [Waiting] = []
        for index in self.slots.indices {
            if let waiting = self.slots[index].takeIfOver(at: now) { submitted.append(waiting) }
        }
        return (expired, submitted)
    }

    /// Gives up what was never handed to the socket.
    mutating func dropQueued() -> [Waiting] {
        var dropped: [Waiting] = []
        for index in self.slots.indices {
            if let waiting = self.slots[index].take() { dropped.append(waiting) }
        }
        self.slots.removeAll(keepingCapacity: true)
        self.bytes = ByteBuffer()
        self.queued = 0
        self.inFlight.count = 0
        self.isDrainScheduled = false
        return dropped
    }

    /// Takes out the waiter with this id, if it is here.
    mutating func abandon(_ id: UInt64) -> Waiter? { self.waiters.remove(id) }
}

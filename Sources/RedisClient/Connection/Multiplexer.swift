import NIOCore
import Synchronization

/// One server as callers see it: they submit here, whatever connection there is at the moment.
///
/// Callers encode into the shared buffer under the lock; the first of a batch asks the loop to drain. The loop's side
/// is in ``ConnectionHandler``. One timer looks after all deadlines and runs only while somebody waits.
final class Multiplexer: Sendable {
    let eventLoop: any EventLoop
    /// Runs the tasks of callers that have chosen to run on the loop.
    let executor: EventLoopExecutor
    let counters: ConnectionCounters
    let queue: Mutex<SubmissionQueue>
    let inFlight: SubmissionQueue.InFlight
    private let lastID = Atomic<UInt64>(0)
    let isTicking = Atomic<Bool>(false)
    /// Whether somebody waits for room, so that the loop looks for it.
    let hasWaiters = Atomic<Bool>(false)
    let settings: ClientSettings
    /// `nil` in clear.
    let tls: TLSClient?
    /// Whether a connection is closed once the server says that it takes no writes; not where a replica is wanted.
    let leavesReplica: Bool
    /// Told what the server says of changed keys, and that a connection which would have said it is gone.
    let watches: KeyWatches
    /// Told, on the loop, when replies are awaited and nothing has come for a while.
    let onSilence: @Sendable () -> Void

    /// How exactly deadlines are kept.
    static let tick = TimeAmount.milliseconds(20)

    /// How long nothing may come while replies are awaited before ``onSilence`` is told.
    static let suspiciousSilence: UInt64 = 200_000_000

    init(
        eventLoop: any EventLoop,
        configuration: RedisClientConfiguration,
        settings: ClientSettings? = nil,
        tls: TLSClient?,
        counters: ConnectionCounters = ConnectionCounters(),
        watches: KeyWatches = KeyWatches(),
        onSilence: @escaping @Sendable () -> Void = {}
    ) {
        self.eventLoop = eventLoop
        self.executor = EventLoopExecutor(eventLoop)
        let queue = SubmissionQueue(configuration)
        self.inFlight = queue.inFlight
        self.queue = Mutex(queue)
        self.settings = settings ?? ClientSettings(configuration)
        self.leavesReplica = configuration.requiredRole != .replica
        self.tls = tls
        self.counters = counters
        self.watches = watches
        self.onSilence = onSilence
    }

    // MARK: Callers

    /// Submits once and waits for the replies, or returns ``RedisReplies/notAdmitted``.
    ///
    /// A cancelled task is noticed by the next tick; a handler for its cancellation would cost every command more than
    /// its encoding.
    @inline(__always)
    func attempt(
        expecting count: Int,
        timeout: UInt64,
        isFirstInLine: Bool,
        ignoresCancellation: Bool,
        check: ConnectionCheck = .none,
        encode: (inout ByteBuffer) -> Void
    ) async -> RedisReplies {
        await Caller.suspend { caller in
            // Nothing of a cancelled task is sent, but for what cleans up behind it.
            if !ignoresCancellation, caller.isCancelled {
                return caller.resume(returning: .failed(RedisError(.timeout, "cancelled")))
            }
            let submission = self.queue.withLock {
                $0.submit(
                    expecting: count,
                    timeout: timeout,
                    isFirstInLine: isFirstInLine,
                    ignoresCancellation: ignoresCancellation,
                    caller: caller,
                    check: check,
                    encode: encode
                )
            }
            switch submission {
            case .queued: break
            case .drain(let link): self.eventLoop.execute(link.drain)
            case .wait: caller.resume(returning: .notAdmitted)
            case .refused(let error):
                self.counters.note(ClientLimit(error))
                caller.resume(returning: .failed(error))
            }
        }
    }

    /// Waits until a submission may be tried again.
    ///
    /// - Returns: `nil` to try again, or the error to give up with.
    func waitForAdmission(until deadline: UInt64, ignoresCancellation: Bool) async -> RedisError? {
        let id = self.lastID.wrappingAdd(1, ordering: .relaxed).newValue
        let roomDeadline = NIODeadline.now().uptimeNanoseconds.addingClamped(self.settings.queueWait)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<RedisError?, Never>) in
                let admission = self.queue.withLock { queue in
                    let admission = queue.admission(until: deadline, roomBy: roomDeadline)
                    if case .wait(let end) = admission {
                        queue.waiters.append(.init(continuation: continuation, deadline: end), id: id)
                        self.hasWaiters.store(true, ordering: .releasing)
                    }
                    return admission
                }
                switch admission {
                case .tryAgain: return continuation.resume(returning: nil)
                case .refused(let error):
                    self.counters.note(ClientLimit(error))
                    return continuation.resume(returning: error)
                case .wait: break
                }
                self.eventLoop.execute {
                    self.startTicking()
                    // Room may have come between the look and the waiting.
                    self.callUpWaiters()
                }
                if Task.isCancelled, !ignoresCancellation { self.abandon(id) }
            }
        } onCancel: {
            if !ignoresCancellation { self.abandon(id) }
        }
    }

    /// Ends one caller's waiting in line.
    private func abandon(_ id: UInt64) {
        guard let waiter = self.queue.withLock({ $0.abandon(id) }) else { return }
        waiter.continuation.resume(returning: RedisError(.timeout, "cancelled", delivery: .unknown))
    }

    /// The connection in use, draining included.
    var link: SubmissionQueue.Link? {
        self.queue.withLock {
            switch $0.phase {
            case .connected(let link), .draining(let link): link
            case .idle, .connecting, .stopped: nil
            }
        }
    }

    /// What the connected server said of itself; `nil` while there is no connection.
    var server: ServerInfo? { self.link?.server }
}

extension UInt64 {
    /// The sum, or the largest number.
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension Duration {
    /// Whole nanoseconds; 0 for a negative duration, about 292 years at the most.
    var nanosecondsClamped: UInt64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 9_000_000_000 else { return 9_000_000_000 * 1_000_000_000 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
    }
}

public import NIOCore

/// What comes back for a request: the bytes of its replies, back to back, and what went wrong if some are missing.
public struct RedisReplies: Sendable {
    /// Complete frames.
    @usableFromInline var bytes: ByteBuffer
    /// How many frames.
    @usableFromInline var count: Int
    /// Why there are fewer than asked for.
    @usableFromInline var failure: RedisError?
    /// The deadline the submission had, on the clock of `NIODeadline`, in nanoseconds; 0 if it was not taken.
    @usableFromInline var deadline: UInt64 = 0

    /// The submission was not taken; the caller may wait and try again.
    static var notAdmitted: RedisReplies { RedisReplies(bytes: ByteBuffer(), count: 0, failure: nil) }

    static func failed(_ error: RedisError) -> RedisReplies {
        RedisReplies(bytes: ByteBuffer(), count: 0, failure: error)
    }
}

/// The right to resume one suspended caller, once.
///
/// The only place that touches an unsafe continuation: a checked one costs another allocation for each command.
@safe
struct Caller: Sendable {
    private let continuation: UnsafeContinuation<RedisReplies, Never>
    private let task: SuspendedTask

    // SAFETY: a `Caller` stands in one slot and leaves it by `Slot.take()`, which empties the slot, or it is resumed at
    // once by the submission that was not taken. So it is resumed at most once; detaching a connection resumes the
    // rest.

    /// Suspends the current task until the caller made for it is resumed.
    static func suspend(_ body: (Caller) -> Void) async -> RedisReplies {
        await unsafe withUnsafeContinuation { unsafe body(Caller(continuation: $0)) }
    }

    private init(continuation: UnsafeContinuation<RedisReplies, Never>) {
        unsafe self.continuation = continuation
        self.task = SuspendedTask()
    }

    /// Whether the suspended task has been cancelled.
    var isCancelled: Bool { self.task.isCancelled }

    consuming func resume(returning replies: consuming RedisReplies) {
        unsafe self.continuation.resume(returning: replies)
    }
}

/// The task that waits for a reply, to be asked whether it was cancelled meanwhile.
///
/// A handler for cancellation costs every command more than its encoding does, and a fifth of all it costs on the event
/// loop; so the loop asks those who still wait, once in a tick.
@safe
private struct SuspendedTask: @unchecked Sendable {
    /// `UnsafeCurrentTask` is one pointer to the task; kept as such, because the compiler does not know its layout and
    /// would call a function for each copy.
    private let reference: UnsafeRawPointer?

    // SAFETY: the task is looked at only through a `Caller` that still stands in its slot: its continuation has not
    // been resumed, so the task is alive. It is asked for nothing but `isCancelled`, which any thread may ask a task
    // for.

    private static let isOnePointer =
        unsafe MemoryLayout<UnsafeCurrentTask>.size == MemoryLayout<UnsafeRawPointer>.size

    /// The current task.
    init() {
        unsafe self.reference = withUnsafeCurrentTask { task in
            guard let task = unsafe task, Self.isOnePointer else { return nil }
            return unsafe unsafeBitCast(task, to: UnsafeRawPointer.self)
        }
    }

    var isCancelled: Bool {
        guard let reference = unsafe self.reference else { return false }
        return unsafe unsafeBitCast(reference, to: UnsafeCurrentTask.self).isCancelled
    }
}

/// One place in the order of replies: the caller that waits for the next `expected` frames.
///
/// Abandoning it (deadline, cancellation) resumes the caller and leaves the place, which then swallows its replies.
struct Slot: Sendable {
    private var caller: Caller?
    /// Whether cancellation of the caller's task is of no concern.
    let ignoresCancellation: Bool
    /// On the clock of `NIODeadline`, in nanoseconds.
    let deadline: UInt64
    let expected: Int

    init(_ caller: Caller, deadline: UInt64, expected: Int, ignoresCancellation: Bool = true) {
        self.caller = caller
        self.ignoresCancellation = ignoresCancellation
        self.deadline = deadline
        self.expected = expected
    }

    /// Takes the caller out if it has waited long enough: its deadline has come, or its task was cancelled.
    mutating func takeIfOver(at now: UInt64) -> Waiting? {
        guard let caller else { return nil }
        guard self.deadline <= now || (!self.ignoresCancellation && caller.isCancelled) else { return nil }
        return self.take()
    }

    /// Takes the caller out, to be resumed once.
    mutating func take() -> Waiting? { self.caller.take().map { Waiting(caller: $0, deadline: self.deadline) } }
}

/// A caller taken out of its slot.
struct Waiting: Sendable {
    fileprivate let caller: Caller
    fileprivate let deadline: UInt64

    consuming func resume(returning replies: consuming RedisReplies) {
        replies.deadline = self.deadline
        self.caller.resume(returning: replies)
    }

    consuming func fail(_ error: RedisError) { self.resume(returning: .failed(error)) }
}

/// The slots of one connection in the order of their replies: a ring of a concrete type, because run-time look-ups of a
/// generic container's metadata are visible at this place.
struct SlotRing {
    private var storage: [Slot?]
    private var head = 0
    private(set) var count = 0
    /// The frames that all slots together wait for.
    private(set) var outstanding = 0

    init() { self.storage = Array(repeating: nil, count: 64) }

    /// The frames the first slot waits for; `nil` when nobody waits.
    var expected: Int? { self.count > 0 ? self.storage[self.head]?.expected : nil }

    /// The first slot's deadline, abandoned or not.
    var firstDeadline: UInt64? { self.count > 0 ? self.storage[self.head]?.deadline : nil }

    mutating func append(_ slot: Slot) {
        if self.count == self.storage.count { self.grow() }
        self.storage[(self.head + self.count) & (self.storage.count - 1)] = slot
        self.count += 1
        self.outstanding += slot.expected
    }

    /// Removes the first slot and takes its caller out; `nil` if it was abandoned.
    mutating func removeFirst() -> Waiting? {
        guard self.count > 0 else { return nil }
        self.outstanding -= self.storage[self.head]?.expected ?? 0
        let waiting = self.storage[self.head]?.take()
        self.head = (self.head + 1) & (self.storage.count - 1)
        self.count -= 1
        return waiting
    }

    /// Abandons every slot whose deadline has come, or whose task was cancelled.
    mutating func abandonOverdue(at now: UInt64) -> [Waiting] {
        var overdue: [Waiting] = []
        for place in 0..<self.count {
            let index = (self.head + place) & (self.storage.count - 1)
            if let waiting = self.storage[index]?.takeIfOver(at: now) { overdue.append(waiting) }
        }
        return overdue
    }

    private mutating func grow() {
        var larger = [Slot?](repeating: nil, count: self.storage.count * 2)
        for place in 0..<self.count { larger[place] = self.storage[(self.head + place) & (self.storage.count - 1)] }
        self.storage = larger
        self.head = 0
    }
}

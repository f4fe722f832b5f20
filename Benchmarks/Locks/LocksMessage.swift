/// What is said between a run and the processes that want locks.
enum LocksMessage: WorkerMessage, Codable {
    /// To a worker: all its tasks are to take locks again and again.
    case contend(LockLoad)
    /// To a worker: to take a lock, and to write for as long as it may.
    case hold(name: String, leaseMillis: Int)
    /// To a worker: there is nothing more to do.
    case end
    /// From a worker: it runs.
    case ready
    /// From a worker: some of its turns.
    case turns([LockTurn])
    /// From a worker: all its tasks have ended; how many turns there were, and how many calls had which error.
    case done(turns: Int, errors: [String: Int])
    /// From a worker: it has the lock.
    case held
    /// From a worker: it has the lock no more.
    case ended(PausedHolder)

    var isReady: Bool { if case .ready = self { true } else { false } }
}

/// What the tasks of a worker are to do.
struct LockLoad: Codable, Sendable {
    /// What the names of its locks begin with.
    var name: String
    /// How many locks there are; each task takes one of them at random.
    var locks = 1
    /// In each process.
    var tasks: Int
    /// No turn begins later, by the shared clock.
    var until: UInt64
    /// A lock is held for up to so long.
    var holdMillis = 0
    /// A task rests for up to so long between two turns.
    var restMillis = 0
    var leaseMillis = 30_000
    var confirmedBy = 0
}

/// How one task had a lock once; times in ns of the shared clock.
struct LockTurn: Codable, Sendable {
    var process: Int
    var task: Int
    var lock: Int
    var fence: UInt64
    /// Before the lock was asked for.
    var asked: UInt64
    /// When it was had.
    var entered: UInt64
    /// When the lease was last seen to be valid: before that was asked.
    var left: UInt64
    /// Whether the lease ended before it was given back.
    var isLost: Bool
}

/// What became of a holder that stood still past the end of its lease; times in ns of the shared clock.
struct PausedHolder: Codable, Sendable {
    /// When a call on the lease last succeeded: before that call.
    var lastAccepted: UInt64 = 0
    /// When its task was seen to be cancelled; 0: it was not, for two seconds.
    var cancelled: UInt64 = 0
    /// Whether the database took what it wrote behind the end, with the number it had.
    var wroteLate = false
    /// How often the database refused what it wrote while its lease was valid, before and behind it: nobody else had a number.
    var refused = 0
    /// Whether the server has deleted the lock for it, behind the end.
    var unlocked = false
    /// Whether the call that held the lock told of the loss.
    var wasTold = false
}

/// What is said between a run and the processes that want permits.
enum LimiterMessage: WorkerMessage, Codable {
    /// To a worker: all its tasks are to ask for permits again and again.
    case ask(LimiterLoad)
    /// To a worker: there is nothing more to do.
    case end
    /// From a worker: it runs.
    case ready
    /// From a worker: some of the permits that it got.
    case permits([Permit])
    /// From a worker: all its tasks have ended; how many decisions and permits there were.
    case done(decisions: Int, permits: Int)

    var isReady: Bool { if case .ready = self { true } else { false } }
}

/// What the tasks of a worker are to do.
struct LimiterLoad: Codable, Sendable {
    var limiter: BenchLimiter
    var key: String
    /// Not without a pause: one permit first, and all others around the end of the window that begins with it.
    var inBursts: Bool
    /// Whether one of its tasks asks for that permit.
    var asksFirst: Bool
    /// By the shared clock.
    var start: UInt64
    /// In each process.
    var tasks: Int
    /// No decision is asked for later, by the shared clock.
    var until: UInt64

    /// Until when a task rests, by the shared clock; `nil`: not at all.
    ///
    /// - Parameters:
    ///   - task: its number in its process.
    ///   - now: the moment.
    ///   - last: when it has asked last.
    /// - Returns: the end of its rest.
    func rest(of task: Int, at now: UInt64, last: UInt64) -> UInt64? {
        guard self.inBursts else { return nil }
        let window = UInt64(self.limiter.windowMillis) * 1_000_000
        let phase = (now - min(now, self.start)) % (3 * window)
        if (window * 9 / 10..<window * 7 / 5).contains(phase) { return nil }
        let begin = now - phase
        guard phase < window else { return begin + 3 * window }
        return self.asksFirst && task == 0 && last < begin ? nil : begin + window * 9 / 10
    }
}

/// A permit that was given; times in ns of the shared clock.
struct Permit: Codable, Sendable {
    /// Before it was asked for.
    var asked: UInt64
    /// When it was had.
    var given: UInt64
}

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
    /// From a worker: all its tasks have ended; how many decisions there were.
    case done(decisions: Int)

    var isReady: Bool { if case .ready = self { true } else { false } }
}

/// What the tasks of a worker are to do.
struct LimiterLoad: Codable, Sendable {
    var limiter: BenchLimiter
    var key: String
    /// Not without a pause: a few permits first, and most of them around the end of the window that begins with those.
    var inBursts: Bool
    /// By the shared clock.
    var start: UInt64
    /// In each process.
    var tasks: Int
    /// No decision is asked for later, by the shared clock.
    var until: UInt64

    /// Until when nothing is asked for, at a moment of the shared clock; `nil`: not at all.
    func rest(at now: UInt64) -> UInt64? {
        guard self.inBursts else { return nil }
        let window = UInt64(self.limiter.windowMillis) * 1_000_000
        let round = now - min(now, self.start)
        let (begin, phase) = (now - round % (3 * window), round % (3 * window))
        if phase < window / 20 || (window * 9 / 10..<window * 7 / 5).contains(phase) { return nil }
        return begin + (phase < window ? window * 9 / 10 : 3 * window)
    }
}

/// A permit that was given; times in ns of the shared clock.
struct Permit: Codable, Sendable {
    /// Before it was asked for.
    var asked: UInt64
    /// When it was had.
    var given: UInt64
}

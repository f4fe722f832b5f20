import RedisClient

/// Which masters this process may trust: decides without clock or I/O.
///
/// A master is *settled* when everything that an earlier master, or an earlier state of its data, has acknowledged is in
/// force there. A server that was restarted, promoted or restored is not, until each process that may have invalidated
/// something since has repeated it, or the caches on it have been emptied. Invariant: a master is unsettled before the
/// first command of a caller is sent over a connection to it.
struct RecoveryState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A master that may hold what was invalidated.
    struct Unsettled: Sendable, Hashable {
        let identity: String
        /// Tells one recovery from the next one of the same master.
        let number: UInt64
        let since: Instant
    }

    /// What a process has to do about an unsettled master.
    enum Step: Sendable, Hashable {
        /// Nothing more: others have seen to it.
        case done
        /// Declare it settled for all: each process that matters has confirmed.
        case settle
        /// Wait for others.
        case wait
        /// Remove all entries of caches on it, then declare it settled.
        case empty
    }

    /// How long other processes may take to confirm before the caches are emptied for their sake: as long as a closing lasts
    /// at least, so that an update of a process that is cut off has lost its own by then.
    let patience: Duration
    /// A process that has not been seen for this long is none that may be invalidating.
    static let absence = Duration.seconds(3)

    /// The identity of each settled master.
    private(set) var settled: [RedisAddress: String] = [:]
    private(set) var unsettled: [RedisAddress: Unsettled] = [:]
    /// The time of this process's last beat on each master, in ms on its own clock.
    private var beats: [RedisAddress: Int64] = [:]
    /// When other processes were last seen to be alive.
    private var seen: [String: Instant] = [:]
    private var lastNumber: UInt64 = 0

    init(patience: Duration = .seconds(5)) { self.patience = patience }

    /// Whether a new connection leads to a master as it is known.
    func isSettled(_ address: RedisAddress, _ identity: String) -> Bool { self.settled[address] == identity }

    /// A master on which everything is in force.
    mutating func trust(_ address: RedisAddress, _ identity: String) {
        self.unsettled[address] = nil
        self.settled[address] = identity
    }

    /// A new connection leads to a master that may hold what was invalidated.
    mutating func distrust(_ address: RedisAddress, _ identity: String, at now: Instant) {
        if self.unsettled[address]?.identity != identity { self.unsettle(address, identity, at: now) }
    }

    /// A master's data may have gone back in time.
    mutating func unsettle(_ address: RedisAddress, _ identity: String, at now: Instant) {
        self.lastNumber += 1
        self.settled[address] = nil
        self.beats[address] = nil
        self.unsettled[address] = Unsettled(identity: identity, number: self.lastNumber, since: now)
    }

    /// Everything is in force on a master again.
    ///
    /// - Returns: `false` if something else has happened to it meanwhile.
    mutating func settle(_ address: RedisAddress, _ number: UInt64) -> Bool {
        guard let master = self.unsettled[address], master.number == number else { return false }
        self.unsettled[address] = nil
        self.settled[address] = master.identity
        return true
    }

    /// These are the masters; others are forgotten, and looked at closely when they come back.
    mutating func keep(_ masters: [RedisAddress]) {
        guard !masters.isEmpty else { return }
        self.settled = self.settled.filter { masters.contains($0.key) }
        self.unsettled = self.unsettled.filter { masters.contains($0.key) }
        self.beats = self.beats.filter { masters.contains($0.key) }
    }

    // MARK: Beats

    /// The time of the last beat on a settled master; `nil` before the first one.
    func lastBeat(on address: RedisAddress) -> Int64? { self.beats[address] }

    /// A beat was written, and these processes were alive at the same time.
    mutating func noteBeat(
        _ time: Int64,
        on address: RedisAddress,
        alive: Set<String>,
        at now: Instant,
        for memory: Duration
    ) {
        guard self.settled[address] != nil else { return }
        self.beats[address] = time
        for process in alive { self.seen[process] = now }
        if self.seen.count > 2 * alive.count + 100 { self.seen = self.seen.filter { $0.value + memory >= now } }
    }

    // MARK: Recovery

    /// What follows when the own invalidations have been repeated.
    ///
    /// - Parameters:
    ///   - master: the master at work.
    ///   - record: what it keeps now.
    ///   - first: what it kept when the recovery began.
    ///   - process: this process.
    ///   - moment: the moment to which the data went back, on this process's clock; `nil` if that is not known: this process
    ///     was not there yet.
    ///   - isCovered: whether all invalidations since were remembered and repeated.
    ///   - now: the time.
    /// - Returns: what to do.
    func step(
        for master: Unsettled,
        _ record: MasterRecord,
        first: MasterRecord,
        of process: String,
        since moment: Instant?,
        isCovered: Bool,
        at now: Instant
    ) -> Step {
        if record.settled == master.identity { return .done }
        let mark = first.mark(of: master.identity)
        // Where nothing is known of the time before, nothing is gained by waiting.
        if !isCovered || first.isEmpty { return .empty }
        // Only a process that was there at that moment knows all that came after it.
        if let moment,
            self.others(since: moment, first, than: process).allSatisfy({ record.confirmed[$0] == mark })
        {
            return .settle
        }
        return master.since + self.patience <= now ? .empty : .wait
    }

    /// The processes that may have invalidated something since the data's moment.
    private func others(since moment: Instant, _ first: MasterRecord, than process: String) -> Set<String> {
        let milliseconds = Int64(Self.absence / .milliseconds(1))
        let later = self.seen.filter { $0.value + Self.absence >= moment }.map(\.key)
        return first.processes(within: milliseconds).union(later).subtracting([process])
    }
}

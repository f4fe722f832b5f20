import Resilience

/// Knows who the master is, by what sentinels and servers say, and what to ask next.
///
/// No clock, no I/O. Each failover has a number, the epoch; of two answers the one with the higher epoch is the newer
/// one. What must hold:
/// - An answer changes the master only if its epoch is higher than the known one. Sentinels that lag behind, or are cut
///   off from the others, say the old address with the old epoch for a while.
/// - Sentinels name a new master a second after they have promoted it. So while the master is in trouble the replicas
///   are asked for their role: one that has been seen as a replica and now is a master of the same history was
///   promoted. It counts as the master of an epoch beyond the known one.
/// - A server that was the master once is none again because it says so: after it has come back it says so for another
///   ten seconds. It takes a higher epoch, or to have been seen as a replica in between.
/// - Where none of this helps (sentinels set up anew), most sentinels together are right about a master that answers as
///   one, once the known one has not done so for ``patience``, or no sentinel has named it for ``longPatience``.
struct SentinelState: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Action: Sendable, Hashable {
        case ask(RedisAddress)
        case subscribe(RedisAddress)
        /// A sentinel or server that is of no concern any more.
        case dismiss(RedisAddress)
        case probe(RedisAddress)
        case follow(RedisAddress, insteadOf: RedisAddress?)
        /// The master at the first address is left for the second one, although it answers as a master.
        case overrule(RedisAddress, by: RedisAddress)
        case read(from: [RedisAddress])
        /// Why there is no master yet, for those who wait for it.
        case explain(String)
        case sentinelLost(RedisAddress, String)
        case sentinelBack(RedisAddress)
        case allSentinelsLost(String)
        case someSentinelBack
    }

    struct Master: Sendable, Hashable {
        var address: RedisAddress
        /// The newest epoch known.
        var epoch: UInt64
        /// Whether sentinels have named it with this epoch; if not, it has been promoted since.
        var isConfirmed: Bool
    }

    // MARK: Times

    /// How long the first answer waits for others, so that not the one of a sentinel cut off from the rest decides.
    static let firstRound = Duration.milliseconds(100)
    /// Between two questions for a role while the master is in trouble.
    static let hurry = Duration.milliseconds(50)
    /// The same for a server that does not tell its role: each question may be a new connection to a full one.
    static let muteHurry = Duration.milliseconds(500)
    /// Silence after which a master counts as one that does not answer.
    static let silence = Duration.milliseconds(200)
    /// How long a sign of trouble is followed up.
    static let suspicionEnd = Duration.seconds(1)
    /// Trouble that lasts longer is looked at less often.
    static let longTrouble = Duration.seconds(15)
    /// How long a master that does not answer is held to against most sentinels.
    static let patience = Duration.seconds(5)
    /// How long a master that answers is held to while no sentinel names it: longer than a failover's confusion.
    static let longPatience = Duration.seconds(20)
    /// How long after trouble with the master its replicas may be out of touch with it, as sentinels see them.
    static let resynchronization = Duration.seconds(20)
    /// Between questions when all is calm and messages are heard.
    static let calm = Duration.seconds(10)
    /// Sentinels to listen to at a time.
    static let maximumSubscriptions = 5
    /// Replicas to read from at a time.
    static let maximumReplicas = 5

    // MARK: Knowledge

    let name: String
    let readsReplicas: Bool
    var master: Master?
    var sentinels: [Sentinel]
    var servers: [Server] = []
    var suspicion: Suspicion?
    /// Since when the master has not answered as one.
    var masterGoneSince: Instant?
    /// Since when sentinels answer and none names the master.
    var masterUnnamedSince: Instant?
    /// When the master was last gone or replaced.
    var unsettledAt: Instant?
    var readable: [RedisAddress] = []
    private var explanation = ""
    private var isAllLost = false
    private var actions: [Action] = []

    init(_ configuration: SentinelConfiguration, readsReplicas: Bool) {
        self.name = configuration.masterName
        self.readsReplicas = readsReplicas
        self.sentinels = []
        for address in configuration.sentinels where !self.sentinels.contains(where: { $0.address == address }) {
            self.sentinels.append(Sentinel(address: address, isConfigured: true))
        }
    }

    /// What is to be done, in this order; once.
    mutating func takeActions() -> [Action] {
        defer { self.actions.removeAll() }
        return self.actions
    }

    mutating func act(_ action: Action) { self.actions.append(action) }

    // MARK: Events

    /// Time has passed; the first event of all.
    mutating func tick(at now: Instant) { self.settle(at: now) }

    /// A sentinel has answered.
    mutating func answered(by address: RedisAddress, _ answer: SentinelAnswer, at now: Instant) {
        guard let index = self.sentinels.firstIndex(where: { $0.address == address }) else { return }
        if self.isAllLost {
            self.act(.someSentinelBack)
        } else if self.sentinels[index].failure != nil {
            self.act(.sentinelBack(address))
        }
        self.isAllLost = false
        self.sentinels[index].isAsked = false
        self.sentinels[index].answer = answer
        self.sentinels[index].answeredAt = now
        self.sentinels[index].failure = nil
        self.sentinels[index].backoff.reset()
        if answer.master == self.master?.address, answer.epoch == self.master?.epoch {
            if answer.isMasterInTrouble {
                self.suspect(isFailover: answer.isFailingOver, at: now)
            } else if answer.isMasterDoubted,
                let master = self.servers.firstIndex(where: { $0.address == answer.master })
            {
                // One with a wrong password says so for ever: the master itself is asked.
                self.servers[master].isSuspect = true
            }
        }
        self.settle(at: now)
    }

    /// A sentinel has not answered.
    ///
    /// - Parameters:
    ///   - address: the sentinel's.
    ///   - reason: for logs and for whoever waits.
    ///   - random: from 0 to 1, for the pause before it is asked again.
    ///   - now: the time.
    mutating func failed(_ address: RedisAddress, _ reason: String, random: Double, at now: Instant) {
        guard let index = self.sentinels.firstIndex(where: { $0.address == address }) else { return }
        if self.sentinels[index].failure == nil { self.act(.sentinelLost(address, reason)) }
        self.sentinels[index].isAsked = false
        self.sentinels[index].askedAt = now
        self.sentinels[index].failure = reason
        self.sentinels[index].pause = self.sentinels[index].backoff.next(random: random)
        if !self.isAllLost, self.sentinels.allSatisfy({ $0.failure != nil }) {
            self.isAllLost = true
            self.act(.allSentinelsLost(reason))
        }
        self.settle(at: now)
    }

    /// The messages of a sentinel are heard from here on.
    mutating func subscribed(to address: RedisAddress, at now: Instant) {
        guard let index = self.sentinels.firstIndex(where: { $0.address == address }) else { return }
        self.sentinels[index].subscription = .active
        // What was published before was not heard.
        self.sentinels[index].hasNews = true
        self.settle(at: now)
    }

    /// The messages of a sentinel are not heard any more.
    mutating func unsubscribed(from address: RedisAddress, at now: Instant) {
        guard let index = self.sentinels.firstIndex(where: { $0.address == address }) else { return }
        self.sentinels[index].subscription = .none
        self.sentinels[index].subscribeAt = now + .seconds(1)
        self.sentinels[index].hasNews = true
        self.settle(at: now)
    }

    /// A sentinel has published something about the master.
    mutating func published(_ message: SentinelMessage, by address: RedisAddress, at now: Instant) {
        guard let index = self.sentinels.firstIndex(where: { $0.address == address }) else { return }
        self.sentinels[index].hasNews = true
        switch message {
        case .masterDown(let master) where master == self.master?.address: self.suspect(at: now)
        case .failoverBegun(let master) where master == self.master?.address: self.suspect(isFailover: true, at: now)
        case .masterDown, .failoverBegun, .news: break
        }
        self.settle(at: now)
    }

    /// A connection to a server was lost, could not be made, or is silent.
    mutating func trouble(with address: RedisAddress, at now: Instant) {
        if address == self.master?.address {
            self.suspect(at: now)
        } else if let index = self.servers.firstIndex(where: { $0.address == address }) {
            self.servers[index].isSuspect = true
        }
        self.settle(at: now)
    }

    /// A server has said what it is; `nil`: it does not say, but it answers.
    mutating func reported(_ address: RedisAddress, _ report: ServerReport?, at now: Instant) {
        guard let index = self.servers.firstIndex(where: { $0.address == address }) else { return }
        let before = self.servers[index].report
        if let report {
            let isPromoted =
                before?.role == .replica && report.role == .master && before?.history != nil
                && report.earlierHistory == before?.history
            if isPromoted, address != self.master?.address { self.servers[index].promotedAt = now }
            if report.role == .replica { self.servers[index].promotedAt = nil }
            self.servers[index].report = report
        }
        self.servers[index].isUp = true
        self.servers[index].isMute = report == nil
        self.heard(of: index, at: now)
        if self.servers[index].promotedAt != nil || (address == self.master?.address && report?.role == .replica) {
            self.suspect(at: now)
        }
        self.settle(at: now)
    }

    /// A server does not answer.
    mutating func unreachable(_ address: RedisAddress, at now: Instant) {
        guard let index = self.servers.firstIndex(where: { $0.address == address }) else { return }
        self.servers[index].isUp = false
        self.servers[index].isMute = false
        self.heard(of: index, at: now)
        if address == self.master?.address { self.suspect(at: now) }
        self.settle(at: now)
    }

    private mutating func heard(of index: Int, at now: Instant) {
        self.servers[index].isAsked = false
        self.servers[index].isSuspect = false
        self.servers[index].heardAt = now
    }

    mutating func suspect(isFailover: Bool = false, at now: Instant) {
        let end = now + Self.suspicionEnd
        if self.suspicion == nil {
            self.suspicion = Suspicion(begun: now, end: end)
            for index in self.sentinels.indices { self.sentinels[index].hasNews = true }
        }
        self.suspicion?.end = end
        if isFailover { self.suspicion?.isFailover = true }
    }

    private mutating func settle(at now: Instant) {
        self.learnSentinels()
        self.decide(at: now)
        self.learnServers()
        self.chooseReplicas(at: now)
        self.explain()
        self.schedule(at: now)
    }

    private mutating func explain() {
        guard self.master == nil else { return }
        var text = ""
        if self.sentinels.contains(where: { $0.isAnswering }) {
            text = "the sentinels do not know a master named '\(self.name)'"
        } else if let failed = self.sentinels.first(where: { $0.failure != nil }), let failure = failed.failure {
            text = "no sentinel could be reached: \(failed.address): \(failure)"
        }
        if text != self.explanation { self.act(.explain(text)) }
        self.explanation = text
    }
}

/// The rules by which a master is chosen.
extension SentinelState {
    mutating func decide(at now: Instant) {
        guard let master else { return self.decideFirst(at: now) }
        if let newest = self.newestAnswer, newest.epoch > master.epoch {
            if newest.address != master.address { return self.follow(newest.address, epoch: newest.epoch, at: now) }
            self.master = Master(address: master.address, epoch: newest.epoch, isConfirmed: true)
        }
        let answers = self.masterAnswers(at: now)
        if answers { self.masterGoneSince = nil } else if self.masterGoneSince == nil { self.masterGoneSince = now }
        if !answers || self.suspicion?.isFailover == true { self.unsettledAt = now }
        if let suspicion {
            if let promoted = self.promoted(at: now), !answers || suspicion.isFailover {
                return self.follow(promoted, epoch: master.epoch, isConfirmed: false, at: now)
            }
            if answers, now >= suspicion.end { self.suspicion = nil }
        }
        if let since = self.masterGoneSince, since.duration(to: now) >= Self.patience,
            let address = self.otherMaster(at: now, heardWithin: .seconds(1), answersWithin: .seconds(3))
        {
            return self.believeMost(address, at: now)
        }
        self.noteWhetherNamed(at: now)
        // Asked every ten seconds where all is calm.
        if let since = self.masterUnnamedSince, since.duration(to: now) >= Self.longPatience,
            let address = self.otherMaster(at: now, heardWithin: .seconds(12), answersWithin: .seconds(12))
        {
            self.act(.overrule(master.address, by: address))
            self.believeMost(address, at: now)
        }
    }

    /// What most sentinels name instead of the known master, and what says itself that it is one.
    private func otherMaster(
        at now: Instant,
        heardWithin age: Duration,
        answersWithin answerAge: Duration
    ) -> RedisAddress? {
        guard let address = self.namedByMost(at: now, within: answerAge), address != self.master?.address,
            let server = self.servers.first(where: { $0.address == address }),
            server.isUp == true, server.report?.role == .master,
            let heardAt = server.heardAt, heardAt.duration(to: now) < age
        else { return nil }
        return address
    }

    private mutating func believeMost(_ address: RedisAddress, at now: Instant) {
        // One that goes on naming another epoch shall not bring back what it names.
        let epochs = self.sentinels.filter(\.isAnswering).compactMap { $0.answer?.epoch }
        self.follow(address, epoch: epochs.max() ?? 0, at: now)
    }

    private mutating func noteWhetherNamed(at now: Instant) {
        let answers = self.sentinels.filter(\.isAnswering).compactMap(\.answer)
        // One that was seen to be promoted is not named at first.
        let isConfirmed = self.master?.isConfirmed == true
        if !isConfirmed || answers.isEmpty || answers.contains(where: { $0.master == self.master?.address }) {
            self.masterUnnamedSince = nil
        } else if self.masterUnnamedSince == nil {
            self.masterUnnamedSince = now
        }
    }

    private mutating func decideFirst(at now: Instant) {
        guard let newest = self.newestAnswer else { return }
        let isOver = self.sentinels.allSatisfy { $0.isAnswering || $0.failure != nil }
        let first = self.sentinels.compactMap(\.answeredAt).min() ?? now
        guard isOver || first.duration(to: now) >= Self.firstRound else { return }
        self.follow(newest.address, epoch: newest.epoch, at: now)
    }

    private mutating func follow(_ address: RedisAddress, epoch: UInt64, isConfirmed: Bool = true, at now: Instant) {
        if self.master != nil { self.unsettledAt = now }
        self.act(.follow(address, insteadOf: self.master?.address))
        self.master = Master(address: address, epoch: epoch, isConfirmed: isConfirmed)
        self.suspicion = nil
        self.masterGoneSince = nil
        self.masterUnnamedSince = nil
        // One promotion is one change.
        for index in self.servers.indices { self.servers[index].promotedAt = nil }
    }

    /// The address with the highest epoch; of several the one that more sentinels name.
    private var newestAnswer: (address: RedisAddress, epoch: UInt64)? {
        var newest: (address: RedisAddress, epoch: UInt64, votes: Int)?
        for sentinel in self.sentinels where sentinel.isAnswering {
            guard let answer = sentinel.answer, let address = answer.master else { continue }
            let votes = self.sentinels.count { $0.answer?.master == address && $0.answer?.epoch == answer.epoch }
            if let known = newest, (known.epoch, known.votes) >= (answer.epoch, votes) { continue }
            newest = (address, answer.epoch, votes)
        }
        return newest.map { ($0.address, $0.epoch) }
    }

    /// Whether the master answers as one, as far as is known; the benefit of the doubt is its.
    private func masterAnswers(at now: Instant) -> Bool {
        guard let server = self.servers.first(where: { $0.address == self.master?.address }) else { return true }
        if server.isAsked, let askedAt = server.askedAt, askedAt.duration(to: now) >= Self.silence { return false }
        // What was heard before the trouble began says nothing.
        if let suspicion, let heardAt = server.heardAt, heardAt < suspicion.begun, server.isUp == true { return true }
        return server.isUp != false && server.report?.role != .replica
    }

    /// A server that became a master a short while ago.
    private func promoted(at now: Instant) -> RedisAddress? {
        self.servers.first { server in
            guard let at = server.promotedAt, server.report?.role == .master else { return false }
            return server.address != self.master?.address && at.duration(to: now) < Self.calm
        }?
        .address
    }

    /// The address that more than half of all sentinels name, each counted once under whatever addresses it is known.
    private func namedByMost(at now: Instant, within age: Duration) -> RedisAddress? {
        var votes: [RedisAddress: Set<String>] = [:]
        var all = 1
        for sentinel in self.sentinels {
            guard let answer = sentinel.answer else { continue }
            all = max(all, answer.others.count + 1)
            guard sentinel.isAnswering, let at = sentinel.answeredAt, at.duration(to: now) < age,
                let address = answer.master
            else { continue }
            votes[address, default: []].insert(answer.id ?? "\(sentinel.address)")
        }
        return votes.first { $0.value.count * 2 > all }?.key
    }
}

/// Who is known, and who is asked when.
extension SentinelState {
    /// Takes in the sentinels that others name, each under one address.
    mutating func learnSentinels() {
        let configured = Set(self.sentinels.filter(\.isConfigured).compactMap { $0.answer?.id })
        var named: [String: RedisAddress] = [:]
        for sentinel in self.sentinels {
            for other in sentinel.answer?.others ?? []
            where !configured.contains(other.id) && named.count < SentinelAnswer.limit {
                named[other.id] = other.address
            }
        }
        let addresses = Set(named.values)
        for sentinel in self.sentinels where !sentinel.isConfigured && !addresses.contains(sentinel.address) {
            self.act(.dismiss(sentinel.address))
        }
        self.sentinels.removeAll { !$0.isConfigured && !addresses.contains($0.address) }
        for address in addresses.sorted(by: { $0.description < $1.description })
        where !self.sentinels.contains(where: { $0.address == address }) {
            self.sentinels.append(Sentinel(address: address, isConfigured: false))
        }
    }

    /// Takes in the master, the replicas, and whom sentinels hold for the master.
    mutating func learnServers() {
        guard let master else { return }
        var wanted = [master.address]
        for answer in self.sentinels.compactMap(\.answer) {
            for address in answer.replicas.map(\.address) + [answer.master].compactMap(\.self)
            where !wanted.contains(address) && wanted.count < SentinelAnswer.limit {
                wanted.append(address)
            }
        }
        for server in self.servers where !wanted.contains(server.address) { self.act(.dismiss(server.address)) }
        self.servers.removeAll { !wanted.contains($0.address) }
        for address in wanted where !self.servers.contains(where: { $0.address == address }) {
            self.servers.append(Server(address))
        }
    }

    /// Replicas that sentinels hold for healthy and that answer as replicas.
    mutating func chooseReplicas(at now: Instant) {
        guard self.readsReplicas else { return }
        // While the master is away all replicas are out of touch with it: that is when they are needed most.
        let isSettled = self.unsettledAt.map { $0.duration(to: now) >= Self.resynchronization } ?? true
        let healthy = Set(
            self.sentinels.flatMap { $0.answer?.replicas ?? [] }
                .filter { $0.isUp && ($0.isInTouch || !isSettled) }.map(\.address)
        )
        let chosen = self.servers
            .filter { server in
                server.isUp == true && server.report?.role != .master && healthy.contains(server.address)
                    && server.address != self.master?.address
            }
            .map(\.address)
            .sorted { $0.description < $1.description }
            .prefix(Self.maximumReplicas)
        if Array(chosen) != self.readable { self.act(.read(from: Array(chosen))) }
        self.readable = Array(chosen)
    }

    /// Asks whoever it is time to ask.
    mutating func schedule(at now: Instant) {
        for index in self.sentinels.indices where self.sentinels[index].isAnswering {
            let isTime = self.sentinels[index].subscribeAt.map { $0 <= now } ?? true
            let count = self.sentinels.count { $0.subscription != .none }
            guard isTime, self.sentinels[index].subscription == .none, count < Self.maximumSubscriptions else {
                continue
            }
            self.sentinels[index].subscription = .asked
            self.act(.subscribe(self.sentinels[index].address))
        }
        for index in self.sentinels.indices {
            guard let due = self.due(self.sentinels[index], at: now), due <= now else { continue }
            self.sentinels[index].isAsked = true
            self.sentinels[index].askedAt = now
            self.sentinels[index].hasNews = false
            self.act(.ask(self.sentinels[index].address))
        }
        for index in self.servers.indices {
            guard let due = self.due(self.servers[index], at: now), due <= now else { continue }
            self.servers[index].isAsked = true
            self.servers[index].askedAt = now
            self.act(.probe(self.servers[index].address))
        }
    }

    /// When ``tick(at:)`` is wanted next, if nothing happens before.
    func nextTick(after now: Instant) -> Instant {
        var next = now + .seconds(1)
        for sentinel in self.sentinels { next = min(next, self.due(sentinel, at: now) ?? next) }
        for server in self.servers {
            next = min(next, self.due(server, at: now) ?? next)
            if server.isAsked, let askedAt = server.askedAt, askedAt + Self.silence > now {
                next = min(next, askedAt + Self.silence)
            }
        }
        if self.master == nil, let first = self.sentinels.compactMap(\.answeredAt).min(), first + Self.firstRound > now
        {
            next = min(next, first + Self.firstRound)
        }
        return max(next, now + .milliseconds(1))
    }

    private func due(_ sentinel: Sentinel, at now: Instant) -> Instant? {
        guard !sentinel.isAsked else { return nil }
        guard let askedAt = sentinel.askedAt else { return now }
        if sentinel.failure != nil { return askedAt + max(sentinel.pause, .milliseconds(10)) }
        // What many messages in a row announce is asked for once.
        if sentinel.hasNews { return askedAt + .milliseconds(20) }
        if let suspicion { return askedAt + self.pace(suspicion, at: now, .milliseconds(100)) }
        if self.master?.isConfirmed != true { return askedAt + .milliseconds(500) }
        let isListening = self.sentinels.contains { $0.subscription == .active }
        return askedAt + (isListening ? Self.calm : .seconds(1))
    }

    private func due(_ server: Server, at now: Instant) -> Instant? {
        guard !server.isAsked else { return nil }
        guard let askedAt = server.askedAt else { return now }
        let pause = server.isMute ? Self.muteHurry : Self.hurry
        if server.isSuspect { return askedAt + pause }
        if let suspicion { return askedAt + self.pace(suspicion, at: now, pause) }
        return askedAt + (self.readsReplicas && server.isUp == false ? .seconds(1) : Self.calm)
    }

    private func pace(_ suspicion: Suspicion, at now: Instant, _ pause: Duration) -> Duration {
        suspicion.begun.duration(to: now) < Self.longTrouble ? pause : max(pause, .milliseconds(500))
    }
}

import Testing

@testable import RedisClient

private let a = StateWorld.a
private let b = StateWorld.b
private let c = StateWorld.c

@Suite struct SentinelStateTests {
    /// All is calm: the master is known, the replicas have been seen as such.
    private func calmWorld(readsReplicas: Bool = false) -> StateWorld {
        var world = StateWorld(readsReplicas: readsReplicas)
        world.pass(.seconds(1))
        return world
    }

    // MARK: The first master

    @Test func `the master that sentinels name is followed`() {
        let world = self.calmWorld()
        #expect(world.followed == [a])
        #expect(world.state.master == .init(address: a, epoch: 1, isConfirmed: true))
    }

    @Test func `of different first answers the one with the highest epoch counts`() {
        var world = StateWorld()
        world.name(b, epoch: 5, by: [StateWorld.sentinels[2]])
        world.pass()
        #expect(world.followed == [b])
    }

    @Test func `a sentinel that hangs delays the first answer by 100 ms, one that refuses not at all`() throws {
        let sentinels = StateWorld.sentinels
        for isHanging in [true, false] {
            var state = SentinelState(SentinelConfiguration(sentinels), readsReplicas: false)
            let start = ContinuousClock.now
            state.tick(at: start)
            state.answered(by: sentinels[0], SentinelAnswer(id: "1", master: a, epoch: 1), at: start)
            if !isHanging {
                for sentinel in sentinels.dropFirst() { state.failed(sentinel, "refused", random: 0, at: start) }
                #expect(state.master?.address == a)
                continue
            }
            #expect(state.master == nil)
            let next = state.nextTick(after: start)
            #expect(next <= start + .milliseconds(100))
            state.tick(at: start + .milliseconds(100))
            #expect(state.master?.address == a)
        }
    }

    @Test func `who waits for a master is told why there is none`() {
        var world = StateWorld()
        world.answers = [:]
        world.pass()
        #expect(world.count(.explain("no sentinel could be reached: s:1: away")) == 1)
        #expect(world.actions.contains(.allSentinelsLost("away")))
        world.name(nil, epoch: 0)
        world.pass(.seconds(5))
        #expect(world.count(.explain("the sentinels do not know a master named 'm'")) == 1)
        #expect(world.count(.someSentinelBack) == 1)
        world.name(a, epoch: 1)
        world.pass(.seconds(2))
        #expect(world.followed == [a])
    }

    // MARK: Epochs

    @Test func `a higher epoch changes the master at once, a lower or the same one never`() {
        var world = self.calmWorld()
        world.name(b, epoch: 2, by: [StateWorld.sentinels[1]])
        world.servers[b] = .master(of: "two", after: "one")
        world.publish(.news, by: StateWorld.sentinels[1])
        world.pass()
        #expect(world.followed == [a, b])
        // The others still say a with epoch 1.
        world.pass(.seconds(20))
        world.name(a, epoch: 2, by: [StateWorld.sentinels[0]])
        world.pass(.seconds(20))
        #expect(world.followed == [a, b])
    }

    @Test func `two failovers in a row lead back to the first address`() {
        var world = self.calmWorld()
        world.name(b, epoch: 2)
        world.publish(.news)
        world.pass()
        world.name(a, epoch: 3)
        world.publish(.news)
        world.pass()
        #expect(world.followed == [a, b, a])
        #expect(world.state.master?.epoch == 3)
    }

    @Test func `a sentinel cut off from the others does not bring its old master back`() {
        var world = StateWorld()
        world.name(b, epoch: 4)
        world.name(a, epoch: 1, by: [StateWorld.sentinels[0]])
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.seconds(30))
        // It even declares its own master dead and alive again.
        world.publish(.failoverBegun(a))
        world.publish(.masterDown(a))
        world.pass(.seconds(30))
        #expect(world.followed == [b])
        #expect(world.state.suspicion == nil)
    }

    @Test func `a sentinel that restarts with nothing but its configuration changes nothing`() {
        var world = self.calmWorld()
        world.name(b, epoch: 7)
        world.servers[b] = .master(of: "two", after: "one")
        world.publish(.news)
        world.pass(.seconds(1))
        world.name(a, epoch: 0, by: [StateWorld.sentinels[0]])
        world.pass(.seconds(30))
        #expect(world.followed == [a, b])
    }

    @Test
    func `sentinels set up anew are believed when most of them name a master that answers and the known one is gone`() {
        var world = self.calmWorld()
        world.name(b, epoch: 9)
        world.servers[b] = .master(of: "two", after: "one")
        world.publish(.news)
        world.pass(.seconds(1))
        let d = RedisAddress.host("d", port: 1)
        world.servers[d] = .master(of: "new")
        world.name(d, epoch: 0)
        world.pass(.seconds(10))
        #expect(world.followed == [a, b], "the known one answers as a master")
        world.servers[b] = .refuses
        world.trouble(with: b)
        world.pass(.seconds(4))
        #expect(world.followed == [a, b])
        world.pass(.seconds(2))
        #expect(world.followed == [a, b, d])
        #expect(world.state.master?.epoch == 0)
    }

    @Test func `a master that sentinels are told to watch in place of a living one is followed after a while`() {
        var world = self.calmWorld()
        let d = RedisAddress.host("d", port: 1)
        world.servers[d] = .master(of: "new")
        // Removed, and set up for another one.
        world.name(nil, epoch: 0)
        world.pass(.seconds(3))
        world.name(d, epoch: 0)
        world.pass(.seconds(18))
        #expect(world.followed == [a])
        world.pass(.seconds(25))
        #expect(world.followed == [a, d])
        #expect(world.count(.overrule(a, by: d)) == 1)
        #expect(world.state.master == .init(address: d, epoch: 0, isConfirmed: true))
        world.pass(.seconds(60))
        #expect(world.followed == [a, d])
    }

    enum Doubt: CaseIterable { case oneNamesIt, noMajority, otherIsReplica, otherIsAway, allAway }

    @Test(arguments: Doubt.allCases)
    func `a living master is not left for another one as long as there is any doubt`(_ doubt: Doubt) {
        var world = self.calmWorld()
        let d = RedisAddress.host("d", port: 1)
        world.servers[d] = .master(of: "new")
        world.name(d, epoch: 0)
        switch doubt {
        case .oneNamesIt: world.name(a, epoch: 1, by: [StateWorld.sentinels[1]])
        case .noMajority:
            world.name(c, epoch: 0, by: [StateWorld.sentinels[1]])
            world.name(nil, epoch: 0, by: [StateWorld.sentinels[2]])
        case .otherIsReplica: world.servers[d] = .replica(of: "one")
        case .otherIsAway: world.servers[d] = .refuses
        case .allAway: world.answers = [:]
        }
        world.pass(.seconds(90))
        #expect(world.followed == [a])
    }

    @Test func `the old master that comes back is not gone back to although all sentinels name it for long`() {
        var world = self.calmWorld()
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.milliseconds(100))
        #expect(world.followed == [a, b])
        // Whoever promoted b has died, and the next failover begins in minutes.
        world.servers[a] = .master(of: "one")
        world.pass(.seconds(90))
        #expect(world.followed == [a, b])
        // Nor once b has been confirmed, as long as one still knows it.
        world.name(b, epoch: 2)
        world.pass(.seconds(20))
        world.name(a, epoch: 1, by: Array(StateWorld.sentinels.dropFirst()))
        world.pass(.seconds(90))
        #expect(world.followed == [a, b])
    }

    @Test func `most sentinels against a newer epoch do not make the master change to and fro`() {
        var world = self.calmWorld()
        // The one that says b says it for ever, and b never becomes a master.
        world.name(b, epoch: 2, by: [StateWorld.sentinels[1]])
        world.publish(.news, by: StateWorld.sentinels[1])
        world.pass(.seconds(4))
        #expect(world.followed == [a, b])
        world.pass(.seconds(60))
        #expect(world.followed == [a, b, a])
    }

    @Test func `one sentinel of three is not believed against its epoch`() {
        var world = self.calmWorld()
        world.name(b, epoch: 9)
        world.servers[b] = .master(of: "two", after: "one")
        world.publish(.news)
        world.pass(.seconds(1))
        world.name(a, epoch: 1, by: [StateWorld.sentinels[0]])
        for sentinel in StateWorld.sentinels.dropFirst() { world.answers[sentinel] = nil }
        world.servers[b] = .refuses
        world.trouble(with: b)
        world.pass(.seconds(60))
        #expect(world.followed == [a, b])
    }

    // MARK: Promotion seen before sentinels name it

    @Test(arguments: [StateWorld.Behavior.refuses, .hangs])
    func `a replica that becomes a master while the master is away is followed at once`(_ away: StateWorld.Behavior) {
        var world = self.calmWorld()
        world.servers[a] = away
        world.trouble(with: a)
        world.pass(.milliseconds(400))
        #expect(world.followed == [a])
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.milliseconds(60))
        #expect(world.followed == [a, b])
        #expect(world.state.master == .init(address: b, epoch: 1, isConfirmed: false))
        // Sentinels say the old one for another second, then the new one.
        world.pass(.seconds(1))
        world.name(b, epoch: 2)
        world.publish(.news)
        world.pass()
        #expect(world.state.master == .init(address: b, epoch: 2, isConfirmed: true))
        #expect(world.followed == [a, b])
    }

    @Test func `a hung master is given 200 ms`() {
        var world = self.calmWorld()
        world.servers[a] = .hangs
        world.servers[b] = .master(of: "two", after: "one")
        world.trouble(with: a)
        world.pass(.milliseconds(150))
        #expect(world.followed == [a])
        world.pass(.milliseconds(100))
        #expect(world.followed == [a, b])
    }

    @Test func `the old master that comes back is not gone back to`() {
        var world = self.calmWorld()
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.milliseconds(100))
        #expect(world.followed == [a, b])
        // It says that it is a master; the new one is slow for a moment, and sentinels still name the old one.
        world.servers[a] = .master(of: "one")
        world.pass(.seconds(2))
        world.servers[b] = .hangs
        world.trouble(with: b)
        world.pass(.seconds(2))
        #expect(world.followed == [a, b])
        world.servers[b] = .master(of: "two", after: "one")
        world.name(b, epoch: 2)
        world.pass(.seconds(10))
        #expect(world.followed == [a, b])
        // Once it has been a replica it can be promoted as any other.
        world.servers[a] = .replica(of: "two")
        world.servers[c] = .replica(of: "two")
        world.pass(.seconds(11))
        world.servers[b] = .refuses
        world.trouble(with: b)
        world.servers[a] = .master(of: "three", after: "two")
        world.pass(.milliseconds(100))
        #expect(world.followed == [a, b, a])
    }

    @Test func `a failover that is given up for another replica ends at the one that sentinels name`() {
        var world = self.calmWorld()
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.milliseconds(100))
        #expect(world.master == b)
        world.servers[c] = .master(of: "three", after: "one")
        world.name(c, epoch: 3)
        world.publish(.news)
        world.pass()
        #expect(world.followed == [a, b, c])
        world.pass(.seconds(20))
        #expect(world.followed == [a, b, c])
    }

    @Test func `a failover that is undone ends at the old master when most sentinels say so`() {
        var world = self.calmWorld()
        world.servers[a] = .hangs
        world.servers[b] = .master(of: "two", after: "one")
        world.trouble(with: a)
        world.pass(.milliseconds(300))
        #expect(world.master == b)
        // Nobody has noticed the promotion; sentinels make it a replica of the old master again.
        world.servers[a] = .master(of: "one")
        world.servers[b] = .replica(of: "one")
        world.trouble(with: b)
        world.pass(.seconds(4))
        #expect(world.master == b)
        world.pass(.seconds(2))
        #expect(world.followed == [a, b, a])
    }

    @Test func `FAILOVER TO is followed although sentinels go on naming the old master, now a replica`() {
        var world = self.calmWorld()
        world.servers[a] = .replica(of: "two")
        world.servers[b] = .master(of: "two", after: "one")
        world.trouble(with: a)
        world.pass(.milliseconds(60))
        #expect(world.followed == [a, b])
        world.pass(.seconds(20))
        #expect(world.followed == [a, b])
        // In the end sentinels promote a third one.
        world.servers[b] = .replica(of: "three")
        world.servers[c] = .master(of: "three", after: "two")
        world.name(c, epoch: 2)
        world.publish(.news)
        world.pass()
        #expect(world.followed == [a, b, c])
    }

    @Test func `a planned failover is followed while the old master still answers as one`() {
        var world = self.calmWorld()
        world.publish(.failoverBegun(a))
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.milliseconds(60))
        #expect(world.followed == [a, b])
        // The flags of sentinels tell it as well where no message is heard.
        var deaf = self.calmWorld()
        deaf.name(a, epoch: 1, isFailingOver: true)
        deaf.publish(.news)
        deaf.servers[b] = .master(of: "two", after: "one")
        deaf.pass(.milliseconds(60))
        #expect(deaf.followed == [a, b])
    }

    @Test func `a replica made a master by hand is not followed while the master answers`() {
        var world = self.calmWorld()
        world.servers[b] = .master(of: "two", after: "one")
        world.trouble(with: a)
        world.pass(.seconds(30))
        #expect(world.followed == [a])
        // Nor later, when that is long ago.
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.pass(.seconds(5))
        #expect(world.followed == [a])
    }

    @Test(arguments: [String?.none, "other"])
    func `a replica that was restarted as a master of its own is not followed`(_ earlier: String?) {
        var world = self.calmWorld()
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.servers[b] = .master(of: "empty", after: earlier)
        world.pass(.seconds(20))
        #expect(world.followed == [a])
    }

    @Test func `a master met for the first time during a failover is not guessed at`() {
        var world = StateWorld()
        world.servers[a] = .refuses
        world.servers[b] = .master(of: "two", after: "one")
        world.pass(.seconds(4))
        #expect(world.followed == [a])
        world.name(b, epoch: 2)
        world.publish(.news)
        world.pass()
        #expect(world.followed == [a, b])
    }

    @Test func `servers that do not tell their role are followed by the sentinels' word alone`() {
        var world = StateWorld()
        world.servers = [a: .refusesToTell, b: .refusesToTell, c: .refusesToTell]
        world.pass(.seconds(1))
        world.trouble(with: a)
        world.pass(.seconds(10))
        #expect(world.followed == [a])
        world.name(b, epoch: 2)
        world.publish(.news)
        world.pass()
        #expect(world.followed == [a, b])
    }
}

import Testing

@testable import RedisClient

private let a = StateWorld.a
private let b = StateWorld.b
private let c = StateWorld.c

@Suite struct SentinelStateScheduleTests {
    @Test func `all sentinels gone: the master stays, and it is said once that they are and once that they are back`() {
        var world = StateWorld()
        world.pass(.seconds(1))
        let answers = world.answers
        world.answers = [:]
        world.publish(.news)
        world.pass(.seconds(60))
        #expect(world.followed == [a])
        #expect(world.count(.allSentinelsLost("away")) == 1)
        // Pauses grow to two seconds.
        let asked = world.count(.ask(StateWorld.sentinels[0]))
        world.pass(.seconds(20))
        #expect((5...25).contains(world.count(.ask(StateWorld.sentinels[0])) - asked))
        world.answers = answers
        world.pass(.seconds(5))
        #expect(world.count(.someSentinelBack) == 1)
        #expect(world.followed == [a])
    }

    @Test func `a calm world is asked every ten seconds, every second where no messages are heard`() {
        var world = StateWorld()
        world.pass(.seconds(5))
        let (asked, probed) = (world.count(.ask(StateWorld.sentinels[0])), world.count(.probe(b)))
        world.pass(.seconds(100))
        #expect(world.count(.ask(StateWorld.sentinels[0])) - asked == 10)
        #expect(world.count(.probe(b)) - probed == 10)
        for sentinel in StateWorld.sentinels { world.state.unsubscribed(from: sentinel, at: world.now) }
        // Subscribing is tried again a second later only.
        let deaf = world.count(.subscribe(StateWorld.sentinels[0]))
        world.pass(.milliseconds(900))
        #expect(world.count(.subscribe(StateWorld.sentinels[0])) == deaf)
        world.pass(.seconds(1))
        #expect(world.count(.subscribe(StateWorld.sentinels[0])) == deaf + 1)
    }

    @Test func `a dead master is looked for twenty times a second, after a while twice`() {
        var world = StateWorld()
        world.pass(.seconds(1))
        world.servers[a] = .refuses
        world.trouble(with: a)
        let before = world.count(.probe(b))
        world.pass(.seconds(10))
        let hurried = world.count(.probe(b)) - before
        #expect((150...210).contains(hurried))
        world.pass(.seconds(10))
        let later = world.count(.probe(b))
        world.pass(.seconds(10))
        #expect((15...25).contains(world.count(.probe(b)) - later))
        world.servers[a] = .master(of: "one")
        world.pass(.seconds(3))
        #expect(world.state.suspicion == nil)
        #expect(world.followed == [a])
    }

    @Test func `a server that hangs is not asked again before its answer, and others are`() {
        var world = StateWorld()
        world.pass(.seconds(1))
        world.servers[a] = .hangs
        world.trouble(with: a)
        let (hung, other) = (world.count(.probe(a)), world.count(.probe(b)))
        world.pass(.milliseconds(490))
        #expect(world.count(.probe(a)) - hung <= 1)
        #expect(world.count(.probe(b)) >= other + 7)
    }

    @Test func `sentinels that others name are asked too, each under one address`() {
        var world = StateWorld([StateWorld.sentinels[0]])
        world.pass(.seconds(1))
        #expect(Set(world.state.sentinels.map(\.address)) == Set(StateWorld.sentinels))
        // The configured one is named by another address, but its id is known.
        let other = RedisAddress.host("10.0.0.1", port: 1)
        for sentinel in StateWorld.sentinels.dropFirst() {
            world.answers[sentinel]?.others.append(.init(id: "\(StateWorld.sentinels[0])", address: other))
        }
        world.pass(.seconds(20))
        #expect(Set(world.state.sentinels.map(\.address)) == Set(StateWorld.sentinels))
        // Named no more: forgotten.
        for sentinel in StateWorld.sentinels { world.answers[sentinel]?.others = [] }
        world.pass(.seconds(40))
        #expect(world.state.sentinels.map(\.address) == [StateWorld.sentinels[0]])
        #expect(world.count(.dismiss(StateWorld.sentinels[1])) == 1)
    }

    @Test func `thousands of names are not taken in`() {
        var world = StateWorld([StateWorld.sentinels[0]])
        for port in 1...1_000 {
            world.answers[StateWorld.sentinels[0]]?.others.append(.init(id: "\(port)", address: .host("x", port: port)))
            world.answers[StateWorld.sentinels[0]]?.replicas
                .append(.init(address: .host("y", port: port), isUp: true, isInTouch: true))
        }
        world.pass(.seconds(1))
        #expect(world.state.sentinels.count <= 33)
        #expect(world.state.servers.count <= 32)
    }

    @Test func `replicas that sentinels hold for healthy and that answer as replicas are read from`() {
        var world = StateWorld(readsReplicas: true)
        world.pass(.seconds(1))
        #expect(world.readable == [b, c])
        for sentinel in StateWorld.sentinels { world.answers[sentinel]?.replicas[0].isInTouch = false }
        world.publish(.news)
        for sentinel in StateWorld.sentinels { world.publish(.news, by: sentinel) }
        world.pass()
        #expect(world.readable == [c])
        world.servers[c] = .refuses
        world.trouble(with: c)
        world.pass(.milliseconds(60))
        #expect(world.readable == [])
        world.servers[c] = .replica(of: "one")
        world.pass(.seconds(2))
        #expect(world.readable == [c])
        #expect(world.followed == [a])
    }

    @Test func `replicas out of touch with a master that is away are read from until it has been back for a while`() {
        var world = StateWorld(readsReplicas: true)
        world.pass(.seconds(1))
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.setReplicas { $0.isInTouch = false }
        world.pass(.seconds(60))
        #expect(world.readable == [b, c])
        // One that is held for dead is not.
        world.setReplicas { $0.isUp = $0.address == b }
        world.pass(.seconds(1))
        #expect(world.readable == [b])
        world.setReplicas { $0.isUp = true }
        world.servers[a] = .master(of: "one")
        world.pass(.seconds(18))
        #expect(world.readable == [b, c])
        world.pass(.seconds(5))
        #expect(world.readable == [])
        #expect(world.count(.read(from: [])) == 1)
        #expect(world.followed == [a])
    }

    @Test func `a replica out of touch with a new master is read from while it finds its way`() {
        var world = StateWorld(readsReplicas: true)
        world.pass(.seconds(1))
        world.name(b, epoch: 2)
        world.setReplicas { $0.isInTouch = false }
        world.servers[b] = .master(of: "two", after: "one")
        world.publish(.news)
        world.pass(.seconds(15))
        #expect(world.followed == [a, b])
        #expect(world.readable == [c])
        #expect(world.count(.read(from: [])) == 0)
        world.pass(.seconds(20))
        #expect(world.readable == [])
    }

    @Test func `one sentinel that holds a living master for dead for ever alarms nobody`() {
        var world = StateWorld()
        world.pass(.seconds(1))
        world.answers[StateWorld.sentinels[2]]?.isMasterDoubted = true
        world.publish(.masterDown(a), by: StateWorld.sentinels[2])
        world.pass(.seconds(5))
        #expect(world.state.suspicion == nil)
        let (asked, probed) = (world.count(.ask(StateWorld.sentinels[0])), world.count(.probe(a)))
        let other = world.count(.probe(b))
        world.pass(.seconds(60))
        #expect(world.count(.ask(StateWorld.sentinels[0])) - asked <= 6)
        #expect(world.count(.probe(a)) - probed <= 12)
        #expect(world.count(.probe(b)) - other <= 6)
        #expect(world.state.suspicion == nil)
    }

    @Test(arguments: [StateWorld.Behavior.refuses, .hangs])
    func `a sentinel that holds the master for dead has the master asked at once`(_ away: StateWorld.Behavior) {
        var world = StateWorld()
        world.pass(.seconds(1))
        world.servers[a] = away
        world.servers[b] = .master(of: "two", after: "one")
        world.answers[StateWorld.sentinels[2]]?.isMasterDoubted = true
        world.publish(.news, by: StateWorld.sentinels[2])
        world.pass(.milliseconds(700))
        #expect(world.followed == [a, b])
    }

    @Test func `a server that answers without telling its role is not asked more than twice a second`() {
        var world = StateWorld()
        world.servers[a] = .refusesToTell
        world.pass(.seconds(1))
        let (mute, other) = (world.count(.probe(a)), world.count(.probe(b)))
        for _ in 0..<10 {
            world.trouble(with: a)
            world.pass(.milliseconds(500))
        }
        #expect((5...12).contains(world.count(.probe(a)) - mute))
        #expect(world.count(.probe(b)) - other > 50)
        // Dead, it is asked as often as any.
        world.servers[a] = .refuses
        world.trouble(with: a)
        world.pass(.seconds(1))
        let dead = world.count(.probe(a))
        world.pass(.seconds(5))
        #expect(world.count(.probe(a)) - dead > 50)
    }

    @Test func `a replica that became the master is not read from as a replica`() {
        var world = StateWorld(readsReplicas: true)
        world.pass(.seconds(1))
        world.servers[a] = .refuses
        world.servers[b] = .master(of: "two", after: "one")
        world.trouble(with: a)
        world.pass(.milliseconds(100))
        #expect(world.master == b)
        #expect(world.readable == [c])
    }

    // MARK: Texts

    @Test(arguments: [
        ("+switch-master", "m 127.0.0.1 1 127.0.0.1 2", SentinelMessage.news),
        ("+switch-master", "other 127.0.0.1 1 127.0.0.1 2", nil),
        ("+sdown", "master m a 1", .masterDown(a)),
        ("+sdown", "master other a 1", nil),
        ("+sdown", "slave b:1 b 1 @ m a 1", .news),
        ("+sdown", "slave b:1 b 1 @ other a 1", nil),
        ("+odown", "master m a 1 #quorum 3/2", .masterDown(a)),
        ("+promoted-slave", "slave b:1 b 1 @ m a 1", .failoverBegun(a)),
        ("+selected-slave", "slave b:1 b 1 @ m a x", .news),
        ("+sdown", "", nil), ("+sdown", "master m", nil), ("+sdown", "slave @ m", nil), ("+switch-master", "", nil),
        ("+sdown", "@ @ @ @", nil), ("+sdown", "x @ m a", nil), ("+sdown", "master m a 99999999999999999999", .news),
    ])
    func `what sentinels publish is understood`(_ channel: String, _ text: String, _ message: SentinelMessage?) {
        #expect(SentinelMessage(channel: channel, text: text, master: "m") == message)
    }
}

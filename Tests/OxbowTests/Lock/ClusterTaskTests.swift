import Logging
import Oxbow
import RESP
import RedisClient
import ServiceLifecycle
import Synchronization
import TestServers
import Testing

/// Jobs that one of all processes does in each interval.
@Suite(.timeLimit(.minutes(2))) struct ClusterTaskTests {
    /// When a job began and ended, by which instance.
    private final class Journal: Sendable {
        struct Turn {
            var instance: Int
            var began: ContinuousClock.Instant
            var ended: ContinuousClock.Instant?
        }
        private let state = Mutex<[Turn]>([])
        var turns: [Turn] { self.state.withLock { $0 } }

        func turn(of instance: Int, _ body: () async throws -> Void) async rethrows {
            let index = self.state.withLock { turns in
                turns.append(Turn(instance: instance, began: .now))
                return turns.count - 1
            }
            defer { self.state.withLock { $0[index].ended = .now } }
            try await body()
        }
    }

    private func withInstances(
        _ count: Int,
        _ kind: StoreKind,
        _ started: [Oxbow] = [],
        _ body: @escaping @Sendable ([Oxbow]) async throws -> Void
    ) async throws {
        if started.count == count { return try await body(started) }
        try await withOxbow(kind) { oxbow async throws in
            try await self.withInstances(count, kind, started + [oxbow], body)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `of four one does it in each interval, and when that one ends another goes on`(
        _ kind: StoreKind
    ) async throws {
        try await self.withInstances(4, kind) { instances async throws in
            let (name, interval) = (freshModule("task"), Duration.milliseconds(250))
            let journal = Journal()
            var services: [Task<Void, any Error>] = []
            for (number, oxbow) in instances.enumerated() {
                let task = try oxbow.clusterTask(name, every: interval) { _ in await journal.turn(of: number) {} }
                services.append(Task { try await task.run() })
            }
            try await expectEventually { journal.turns.count >= 4 }
            // Whoever has had the last turn goes.
            let gone = journal.turns[journal.turns.count - 1].instance
            services[gone].cancel()
            let before = journal.turns.count
            try await expectEventually { journal.turns.count >= before + 4 }
            for service in services { service.cancel() }
            for service in services { try await service.value }
            let turns = journal.turns
            check(turns.dropFirst(before + 1).contains { $0.instance == gone }, false)
            for (turn, next) in zip(turns, turns.dropFirst()) {
                let pause = turn.began.duration(to: next.began)
                #expect(pause > interval - .milliseconds(100), "\(pause)")
            }
        }
    }

    @Test func `a job that takes longer than its interval is never twice at work, one that fails has its next turn`()
        async throws
    {
        struct Mistake: Error {}
        let log = LogRecorder()
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        try await withOxbow(configuration, logger: log.logger) { one async throws in
            try await withOxbow(configuration) { other async throws in
                let (name, interval) = (freshModule("long"), Duration.seconds(1))
                let journal = Journal()
                let services = try [one, other].enumerated()
                    .map { number, oxbow in
                        let task = try oxbow.clusterTask(name, every: interval, jitter: .zero) { _ in
                            try await journal.turn(of: number) { try await Task.sleep(for: .milliseconds(2500)) }
                            if number == 0 { throw Mistake() }
                        }
                        return Task { try await task.run() }
                    }
                try await expectEventually {
                    let failed = journal.turns.filter { $0.instance == 0 && $0.ended != nil }
                    return journal.turns.filter { $0.ended != nil }.count >= 4 && failed.count >= 1
                }
                for service in services { service.cancel() }
                for service in services { try await service.value }
                for (turn, next) in zip(journal.turns, journal.turns.dropFirst()) {
                    let ended = try #require(turn.ended)
                    #expect(ended <= next.began)
                }
                check(one.lockStatistics.lost + other.lockStatistics.lost, 0)
                #expect(log.messages(at: .error).contains { $0.contains("cluster task failed") })
            }
        }
    }

    @Test func `a job whose lock a flush has taken is cancelled long before its interval ends`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            let journal = Journal()
            let task = try oxbow.clusterTask("flushed", every: .seconds(6), jitter: .zero) { _ in
                try await journal.turn(of: 0) { try await Task.sleep(for: .seconds(60)) }
            }
            let service = Task { try await task.run() }
            try await expectEventually { journal.turns.count == 1 }
            let began = try #require(journal.turns.first?.began)
            try server.cli("flushall")
            try await expectEventually { journal.turns[0].ended != nil }
            let ended = try #require(journal.turns[0].ended)
            // It is looked at each two seconds.
            #expect(began.duration(to: ended) < .milliseconds(3500))
            check(oxbow.lockStatistics.lost, 1)
            service.cancel()
            try await service.value
        }
    }

    @Test func `a short job leaves the lock to its interval, and looking at it does not prolong it`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let (client, name) = (try #require(oxbow.client), freshModule("kept"))
            let key = LockName(prefix: "ox-lock", task: name).key
            let gate = Gate()
            let task = try oxbow.clusterTask(name, every: .seconds(9), jitter: .zero) { _ in await gate.pass() }
            let service = Task { try await task.run() }
            await gate.arrival()
            let start = ContinuousClock.now
            // Behind the first look, which is at a third.
            try await Task.sleep(for: .milliseconds(3300))
            let asked = ContinuousClock.now
            guard case .remaining(let left) = try await client.execute(PTTL(key)) else {
                Issue.record("the lock is not there")
                return
            }
            #expect(left <= .seconds(9) - start.duration(to: asked) + .milliseconds(500), "\(left)")
            gate.open()
            service.cancel()
            try await service.value
        }
    }

    @Test func `a job that takes most of its interval does not move the next turn`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let (name, journal) = (freshModule("most"), Journal())
            let task = try oxbow.clusterTask(name, every: .seconds(3), jitter: .zero) { _ in
                // Behind the look that prolongs the lock.
                try await journal.turn(of: 0) { try await Task.sleep(for: .milliseconds(2300)) }
            }
            let service = Task { try await task.run() }
            try await expectEventually { journal.turns.count == 3 }
            service.cancel()
            try await service.value
            for (turn, next) in zip(journal.turns, journal.turns.dropFirst()) {
                let pause = turn.began.duration(to: next.began)
                #expect(pause > .milliseconds(2900) && pause < .milliseconds(4000), "\(pause)")
            }
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a job that is cut short by a shutdown is taken over at once`(_ kind: StoreKind) async throws {
        try await self.withInstances(2, kind) { instances async throws in
            let (name, journal) = (freshModule("handed over"), Journal())
            let groups = try instances.enumerated()
                .map { number, oxbow in
                    let task = try oxbow.clusterTask(name, every: .seconds(3600), jitter: .zero) { lease in
                        try lease.check()
                        try await journal.turn(of: number) { try await Task.sleep(for: .seconds(60)) }
                    }
                    return ServiceGroup(services: [task], logger: silent)
                }
            let services = groups.map { group in Task { try await group.run() } }
            try await expectEventually { journal.turns.count == 1 }
            let first = journal.turns[0].instance
            let start = ContinuousClock.now
            await groups[first].triggerGracefulShutdown()
            try await expectEventually { journal.turns.count == 2 }
            #expect(start.duration(to: .now) < .seconds(3))
            check(journal.turns[1].instance, 1 - first)
            await groups[1 - first].triggerGracefulShutdown()
            for service in services { try await service.value }
            check(instances.map(\.lockStatistics.lost).reduce(0, +), 0)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a job that has failed is taken over after the pause, one that is done is left to its interval`(
        _ kind: StoreKind
    ) async throws {
        struct Mistake: Error {}
        try await self.withInstances(2, kind) { instances async throws in
            let (name, journal) = (freshModule("failed"), Journal())
            let leases = Mutex<[LockLease]>([])
            let services = try instances.enumerated()
                .map { number, oxbow in
                    let task = try oxbow.clusterTask(
                        name,
                        every: .seconds(3600),
                        jitter: .zero,
                        retryAfterFailure: .milliseconds(500)
                    ) { lease in
                        leases.withLock { $0.append(lease) }
                        await journal.turn(of: number) {}
                        if journal.turns.count == 1 { throw Mistake() }
                    }
                    return Task { try await task.run() }
                }
            try await expectEventually { journal.turns.count == 2 }
            let turns = journal.turns
            try #require(turns.count == 2)
            #expect(turns[0].instance != turns[1].instance)
            let pause = turns[0].began.duration(to: turns[1].began)
            #expect(pause > .milliseconds(450) && pause < .seconds(5), "\(pause)")
            let client = try #require(instances[0].client)
            guard
                case .remaining(let left) = try await client.execute(PTTL(LockName(prefix: "ox-lock", task: name).key))
            else {
                Issue.record("the lock is not there")
                return
            }
            #expect(left > .seconds(3500), "\(left)")
            try await expectEventually { leases.withLock { $0.allSatisfy { !$0.isValid } } }
            for service in services { service.cancel() }
            for service in services { try await service.value }
            check(instances.map(\.lockStatistics.lost).reduce(0, +), 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `the pause after a failure doubles`(_ kind: StoreKind) async throws {
        struct Mistake: Error {}
        try await withOxbow(kind) { oxbow async throws in
            let journal = Journal()
            let task = try oxbow.clusterTask(
                freshModule("failing"),
                every: .seconds(3600),
                jitter: .zero,
                retryAfterFailure: .milliseconds(100)
            ) { _ in
                await journal.turn(of: 0) {}
                throw Mistake()
            }
            let service = Task { try await task.run() }
            try await expectEventually { journal.turns.count == 4 }
            service.cancel()
            try await service.value
            let turns = journal.turns
            #expect(turns[0].began.duration(to: turns[3].began) >= .milliseconds(700))
        }
    }
}

import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// How servers are arranged, where a lock or a limit could go to another one.
enum Arrangement: CaseIterable, Sendable {
    case sentinel, cluster, haproxy

    /// Runs `body` with two instances, as in two processes, and the masters as they are then.
    func with(
        _ body: @escaping @Sendable (_ one: Oxbow, _ other: Oxbow, [ServerProcess]) async throws -> Void
    ) async throws {
        var configuration = OxbowConfiguration()
        let masters: [ServerProcess]
        switch self {
        case .sentinel:
            let topology = try await SharedTopologies.shared.sentinel()
            try await topology.restore()
            configuration.redis = RedisClientConfiguration(topology)
            masters = [try topology.master()]
        case .cluster:
            let topology = try await SharedTopologies.shared.cluster()
            try await topology.restore()
            configuration.redis = RedisClientConfiguration(topology)
            masters = try topology.masters()
        case .haproxy:
            let topology = try await SharedTopologies.shared.haproxy(.fast)
            try await topology.restore()
            configuration.redis.address = .host("127.0.0.1", port: topology.port)
            configuration.redis.credentials = RedisCredentials(password: topology.sentinel.password)
            masters = [try topology.sentinel.master()]
        }
        configuration.redis.metricsPrefix = "appsuite_redis"
        // What it sends by itself would be counted.
        configuration.cache.journalReplay = .zero
        let settings = configuration
        try await withOxbow(settings) { one async throws in
            try await withOxbow(settings) { other async throws in try await body(one, other, masters) }
        }
    }
}

extension RedisClientConfiguration {
    /// How servers under Sentinels are reached.
    init(_ topology: TestServers.SentinelTopology) {
        self.init()
        var sentinel = SentinelConfiguration(topology.sentinels.map { .host("127.0.0.1", port: $0.port) })
        sentinel.masterName = topology.masterName
        sentinel.credentials = RedisCredentials(password: topology.sentinelPassword)
        self.topology = .sentinel(sentinel)
        self.credentials = RedisCredentials(password: topology.password)
    }
}

/// Locks and limits under Sentinels, on a cluster and behind HAProxy.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LockTopologyTests {
    @Test(arguments: Arrangement.allCases)
    func `one holder at a time, and who waits is told of the release`(_ arrangement: Arrangement) async throws {
        try await arrangement.with { one, other, masters async throws in
            let names = (0..<6).map { "\(freshModule("locked"))-\($0)" }
            let sections = names.map { _ in LockedSection() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<60 {
                    let (oxbow, lock) = (task.isMultiple(of: 2) ? one : other, task % names.count)
                    group.addTask {
                        try await oxbow.withLock(names[lock], waitingAtMost: .seconds(60)) { lease in
                            sections[lock].enter(try lease.fencingToken)
                            try await Task.sleep(for: .milliseconds(1))
                            sections[lock].leave()
                        }
                    }
                }
                try await group.waitForAll()
            }
            for section in sections {
                check(section.most, 1)
                check(section.fences.count, 10)
                check(zip(section.fences, section.fences.dropFirst()).allSatisfy { $0 < $1 }, true)
            }
            // Of those that who waits may send.
            func calls() throws -> Int {
                try masters.map { try $0.calls(of: "evalsha", "eval", "get", "pttl") }.reduce(0, +)
            }
            for name in names {
                let waiter = try await one.withLock(name, waitingAtMost: .zero) { _ in
                    let waiter = Task.detached {
                        try await other.withLock(name, waitingAtMost: .seconds(60)) { _ in ContinuousClock.now }
                    }
                    // It has asked, and waits, when a while has passed without a call.
                    var waiting = -1
                    try await expectEventually {
                        let before = try calls()
                        try await Task.sleep(for: .milliseconds(200))
                        waiting = try calls()
                        return waiting == before
                    }
                    // Who asked every 50 ms would have asked 10 times.
                    try await Task.sleep(for: .milliseconds(500))
                    check(try calls(), waiting)
                    return waiter
                }
                let released = ContinuousClock.now
                let late = released.duration(to: try await waiter.value)
                #expect(late < .seconds(1), "\(late)")
            }
        }
    }

    @Test(arguments: Arrangement.allCases)
    func `holders of locks that a flush has taken are cancelled, and numbers go on rising`(
        _ arrangement: Arrangement
    ) async throws {
        try await arrangement.with { one, other, masters async throws in
            let (name, lease, held) = (freshModule("flushed"), Duration.milliseconds(1500), Counter())
            let holders = (0..<50)
                .map { number in
                    Task {
                        try await one.withLock("\(name) \(number)", waitingAtMost: .seconds(20), lease: lease) {
                            lease in
                            let fence = try lease.fencingToken
                            held.increment()
                            do { try await Task.sleep(for: .seconds(60)) } catch {
                                #expect(!lease.isValid)
                            }
                            return fence
                        }
                    }
                }
            try await expectEventually { held.value == 50 }
            for master in masters { try master.cli("flushall") }
            let start = ContinuousClock.now
            for holder in holders {
                let error = await #expect(throws: OxbowError.self) { _ = try await holder.value }
                check(error?.code, .leaseEnded)
            }
            #expect(start.duration(to: .now) < lease / 3 + .milliseconds(800))
            check(one.lockStatistics.lost, 50)
            let before = try await other.withLock("\(name) 7", waitingAtMost: .zero) { try $0.fencingToken }
            for master in masters { try master.cli("flushall") }
            let after = try await other.withLock("\(name) 7", waitingAtMost: .zero) { try $0.fencingToken }
            #expect(after > before)
        }
    }

    @Test(arguments: Arrangement.allCases)
    func `as many permits are given as there are`(_ arrangement: Arrangement) async throws {
        try await arrangement.with { one, other, _ async throws in
            for algorithm in [RateLimiter.Algorithm.slidingLog, .gcra(burst: 20)] {
                let name = freshModule("limited")
                let limiters = try [one, other]
                    .map { try $0.rateLimiter(name, permits: 20, per: .seconds(60), algorithm: algorithm) }
                for key in ["a", "b", "c", "d"] {
                    let given = try await withThrowingTaskGroup(of: Bool.self) { group in
                        for task in 0..<100 { group.addTask { try await limiters[task % 2].acquire(key).isAllowed } }
                        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                    }
                    check(given, 20)
                }
            }
        }
    }
}

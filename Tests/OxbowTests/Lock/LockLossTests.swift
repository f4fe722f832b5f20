import Oxbow
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

/// Locks on a server that forgets, hangs, dies or is asked by others.
@Suite(.timeLimit(.minutes(2))) struct LockLossTests {
    private func withServer(
        _ kind: ServerProcess.Kind = .redis,
        _ body: @escaping @Sendable (ServerProcess, Oxbow, Oxbow) async throws -> Void
    ) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        // What it sends by itself would be counted.
        configuration.cache.journalReplay = .zero
        try await withOxbow(configuration) { one async throws in
            try await withOxbow(configuration) { other async throws in try await body(server, one, other) }
        }
    }

    /// Holds a lock until cancelled; what came of it.
    private func holder(_ oxbow: Oxbow, _ name: String, lease: Duration, _ held: Gate) -> Task<OxbowError.Code?, Never>
    {
        Task {
            do {
                try await oxbow.withLock(name, waitingAtMost: .seconds(20), lease: lease) { lease in
                    async let _: Void = held.pass()
                    do { try await Task.sleep(for: .seconds(60)) } catch {
                        // Before a word more is done under it.
                        #expect(!lease.isValid)
                        throw error
                    }
                }
                return nil
            } catch {
                return (error as? OxbowError)?.code
            }
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `holders of locks that a flush has taken are cancelled within a tick, and numbers go on rising`(
        _ kind: ServerProcess.Kind
    ) async throws {
        try await self.withServer(kind) { server, one, other async throws in
            let lease = Duration.milliseconds(900)
            let held = Gate()
            held.open()
            var holders: [Task<OxbowError.Code?, Never>] = []
            for number in 0..<50 { holders.append(self.holder(one, "flushed \(number)", lease: lease, held)) }
            await held.arrival(50)
            let before = try #require(UInt64(server.cli("get", "ox-lock:{flushed 7}:fence")))
            try server.cli("flushall")
            let start = ContinuousClock.now
            for holder in holders { check(await holder.value, .leaseEnded) }
            #expect(start.duration(to: .now) < lease / 3 + .milliseconds(400))
            check(one.lockStatistics.lost, 50)
            let after = try await other.withLock("flushed 7", waitingAtMost: .zero) { try $0.fencingToken }
            #expect(after > before)
        }
    }

    @Test func `a holder whose server hangs is cancelled at the end of its lease, and nobody is let in before`()
        async throws
    {
        try await self.withServer { server, one, other async throws in
            let lease = Duration.milliseconds(600)
            let held = Gate()
            held.open()
            let start = ContinuousClock.now
            let holder = self.holder(one, "hung", lease: lease, held)
            await held.arrival()
            server.pause()
            check(await holder.value, .leaseEnded)
            let ended = ContinuousClock.now
            #expect(start.duration(to: ended) < lease + .milliseconds(500))
            server.resume()
            try await other.withLock("hung", waitingAtMost: .seconds(20)) { _ in
                #expect(start.duration(to: .now) >= lease - .milliseconds(50))
            }
        }
    }

    @Test func `a lock of a holder that has died is free at the end of its lease, and foreign ones are honored`()
        async throws
    {
        try await self.withServer { server, one, _ async throws in
            // As other programs take it, and as a dead process leaves it.
            try server.cli("set", "ox-lock:{dead}", "somebody", "NX", "PX", "500")
            let start = ContinuousClock.now
            check(try await one.withLockIfAvailable("dead") { _ in 1 }, nil)
            try await one.withLock("dead", waitingAtMost: .seconds(20)) { _ async throws in
                let waited = start.duration(to: .now)
                #expect(waited > .milliseconds(400) && waited < .milliseconds(1500))
                #expect(try server.cli("set", "ox-lock:{dead}", "somebody", "NX", "PX", "500") == "")
            }
            #expect(try server.cli("set", "ox-lock:{dead}", "somebody", "NX", "PX", "500") == "OK")
            // Without an end: only its owner can give it back.
            try server.cli("set", "ox-lock:{endless}", "somebody")
            let error = await #expect(throws: OxbowError.self) {
                try await one.withLock("endless", waitingAtMost: .milliseconds(200)) { _ in }
            }
            check(error?.code, .lockTaken)
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `one round trip takes a lock and one gives it back, and who waits is told and does not ask`(
        _ kind: ServerProcess.Kind
    ) async throws {
        try await self.withServer(kind) { server, one, other async throws in
            let name = "counted"
            // Scripts are there, connections are made.
            for oxbow in [one, other] { try await oxbow.withLock(name, waitingAtMost: .zero) { _ in } }
            func calls() throws -> Int { try server.calls(of: "evalsha", "eval", "get", "pttl") }
            let before = try server.calls(of: "evalsha")
            for _ in 0..<10 { try await one.withLock(name, waitingAtMost: .zero) { _ in } }
            check(try server.calls(of: "evalsha") - before, 20)
            // A second is long: who asked every 50 ms would have asked 20 times.
            let woken = try await one.withLock(name, waitingAtMost: .zero) { _ in
                let waiter = Task.detached {
                    try await other.withLock(name, waitingAtMost: .seconds(20)) { _ in ContinuousClock.now }
                }
                try await Task.sleep(for: .milliseconds(200))
                let waiting = try calls()
                try await Task.sleep(for: .seconds(1))
                check(try calls(), waiting)
                return waiter
            }
            let released = ContinuousClock.now
            let late = released.duration(to: try await woken.value)
            #expect(late < .milliseconds(500), "\(late)")
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `a release while somebody begins to wait is not missed`(_ kind: ServerProcess.Kind) async throws {
        try await self.withServer(kind) { _, one, other async throws in
            var longest = Duration.zero
            for round in 0..<1000 {
                let gate = Gate()
                let holder = Task {
                    try await one.withLock("raced", waitingAtMost: .seconds(20)) { _ async throws in
                        await gate.pass()
                        // From before the other one has asked until it waits.
                        for _ in 0..<(round % 40) { await Task.yield() }
                        if round % 40 > 20 { try await Task.sleep(for: .microseconds(round % 40 * 20)) }
                    }
                }
                await gate.arrival()
                gate.open()
                let start = ContinuousClock.now
                // Who has missed it waits for the end of the lease, half a minute.
                try await other.withLock("raced", waitingAtMost: .seconds(20)) { _ in }
                longest = max(longest, start.duration(to: .now))
                try await holder.value
            }
            #expect(longest < .seconds(2), "\(longest)")
        }
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `replicas confirm a lock, or it is not taken`(_ kind: ServerProcess.Kind) async throws {
        let topology = try await SharedTopologies.shared.sentinel(kind)
        try await topology.restore()
        let master = try topology.master()
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: master.port)
        configuration.redis.credentials = RedisCredentials(password: topology.password)
        try await withOxbow(configuration) { oxbow async throws in
            let name = freshModule("confirmed")
            let fence = try await oxbow.withLock(name, waitingAtMost: .zero, confirmedByReplicas: 1) { lease in
                try lease.fencingToken
            }
            #expect(fence > 0)
            let error = await #expect(throws: OxbowError.self) {
                try await oxbow.withLock(
                    name,
                    waitingAtMost: .zero,
                    lease: .milliseconds(600),
                    confirmedByReplicas: 9
                ) { _ in }
            }
            check(error?.code, .notReplicated)
            check(try await oxbow.withLockIfAvailable(name) { _ in 1 }, 1)
        }
    }
}

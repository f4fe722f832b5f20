@testable import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// What locks do, on every store.
@Suite(.timeLimit(.minutes(2))) struct LockTests {
    /// Two instances, as in two processes; one in memory, where nothing is shared.
    private func withInstances(
        _ kind: StoreKind,
        _ body: @escaping @Sendable ([Oxbow]) async throws -> Void
    ) async throws {
        try await withOxbow(kind) { one async throws in
            if kind == .memory { return try await body([one]) }
            try await withOxbow(kind) { other async throws in try await body([one, other]) }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `one holder at a time, each with a higher number`(_ kind: StoreKind) async throws {
        try await self.withInstances(kind) { instances async throws in
            let name = freshModule("lock")
            let section = LockedSection()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<40 {
                    let oxbow = instances[task % instances.count]
                    group.addTask {
                        try await oxbow.withLock(name, waitingAtMost: .seconds(60)) { lease in
                            section.enter(try lease.fencingToken)
                            try await Task.sleep(for: .milliseconds(1))
                            section.leave()
                        }
                    }
                }
                try await group.waitForAll()
            }
            let fences = section.fences
            check(section.most, 1)
            check(fences.count, 40)
            check(zip(fences, fences.dropFirst()).allSatisfy { $0 < $1 }, true)
            check(instances.map(\.lockStatistics.acquired).reduce(0, +), 40)
            check(instances.map(\.lockStatistics.lost).reduce(0, +), 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `who does not wait is told at once, who waits at the end of the wait`(_ kind: StoreKind) async throws {
        try await self.withInstances(kind) { instances async throws in
            let name = freshModule("taken")
            let (first, second) = (instances[0], instances[instances.count - 1])
            try await first.withLock(name, waitingAtMost: .zero) { _ in
                for oxbow in [first, second] {
                    // Within the body it would fail at once.
                    let outside = Task.detached {
                        let start = ContinuousClock.now
                        check(try await oxbow.withLockIfAvailable(name) { _ in 1 }, nil)
                        #expect(start.duration(to: .now) < .seconds(1))
                        let error = await #expect(throws: OxbowError.self) {
                            try await oxbow.withLock(name, waitingAtMost: .milliseconds(200)) { _ in }
                        }
                        check(error?.code, .lockTaken)
                        let waited = start.duration(to: .now)
                        #expect(waited > .milliseconds(190) && waited < .seconds(2))
                    }
                    try await outside.value
                }
            }
            check(try await second.withLockIfAvailable(name) { _ in 1 }, 1)
            // A lock that the body itself does not get is not this one.
            let inner = await #expect(throws: OxbowError.self) {
                _ = try await first.withLockIfAvailable(freshModule("outer")) { _ -> Int in
                    throw OxbowError(.lockTaken, "another one")
                }
            }
            check(inner?.code, .lockTaken)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `the holder's task fails at once for its own lock, its other tasks wait`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let name = freshModule("nested")
            func checkRefusal() async {
                let start = ContinuousClock.now
                let error = await #expect(throws: OxbowError.self) {
                    try await oxbow.withLock(name, waitingAtMost: .seconds(60)) { _ in }
                }
                check(error?.code, .lockTaken)
                check(error?.message.contains("reenter"), true)
                #expect(start.duration(to: .now) < .seconds(10))
            }
            let hasEnded = Counter()
            let waiter = try await oxbow.withLock(name, waitingAtMost: .zero) { _ in
                await checkRefusal()
                check(try await oxbow.withLockIfAvailable(name) { _ in 1 }, nil)
                try await oxbow.withLock("\(name) inner", waitingAtMost: .zero) { _ in await checkRefusal() }
                async let child = oxbow.withLockIfAvailable(name) { _ in 1 }
                check(try await child, nil)
                let task = Task { try await oxbow.withLockIfAvailable(name) { _ in 1 } }
                check(try await task.value, nil)
                let waiter = Task {
                    try await oxbow.withLock(name, waitingAtMost: .seconds(60)) { _ in hasEnded.value }
                }
                try await Task.sleep(for: .milliseconds(200))
                hasEnded.increment()
                return waiter
            }
            check(try await waiter.value, 1)
            check(oxbow.lockStatistics.acquired, 3)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a lease lets its holder re-enter, until it has ended`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let name = freshModule("entered")
            let old = try await oxbow.withLock(name, waitingAtMost: .zero) { outer in
                check(try await outer.reenter { $0 === outer }, true)
                async let child = outer.reenter { try $0.fencingToken }
                check(try await child, try outer.fencingToken)
                #expect(outer.isValid && outer.remaining > .seconds(20))
                check(outer.name, name)
                return outer
            }
            #expect(!old.isValid && old.remaining == .zero)
            for call in [{ _ = try old.fencingToken }, { try old.check() }] {
                let error = #expect(throws: OxbowError.self, performing: call)
                check(error?.code, .leaseEnded)
            }
            let late = await #expect(throws: OxbowError.self) {
                try await old.reenter { _ in Issue.record("it has entered") }
            }
            check(late?.code, .leaseEnded)
            check(oxbow.lockStatistics.acquired, 1)
        }
    }

    @Test func `a task that has re-entered and goes on after the body, and a stalled body, get leaseEnded`()
        async throws
    {
        try await withOxbow(.memory) { oxbow async throws in
            let (name, gate) = (freshModule("after"), Gate())
            let task = try await oxbow.withLock(name, waitingAtMost: .zero) { lease in
                let task = Task { try await lease.reenter { _ in await gate.pass() } }
                await gate.arrival()
                return task
            }
            gate.open()
            let error = await #expect(throws: OxbowError.self) { try await task.value }
            check(error?.code, .leaseEnded)
        }
        // As a process that has stood still: nobody has renewed the lease, and the body ends before it is told.
        let store = MemoryLockStore()
        let locks = Locks(store: store, prefix: "ox-lock", logger: silent)
        let stalled = await #expect(throws: OxbowError.self) {
            _ = try await locks.with("stalled", until: .now, lease: .milliseconds(200), confirmedBy: 0) { lease in
                lease.update { $0 = LeaseState(.milliseconds(1), asked: .now - .seconds(1)) }
            }
        }
        check(stalled?.code, .leaseEnded)
        check(locks.counters.statistics.lost, 1)
    }

    @Test(arguments: StoreKind.allCases)
    func `the body's error comes out and the lock is given back`(_ kind: StoreKind) async throws {
        struct Mistake: Error {}
        try await withOxbow(kind) { oxbow async throws in
            let name = freshModule("error")
            await #expect(throws: Mistake.self) {
                try await oxbow.withLock(name, waitingAtMost: .zero) { _ in throw Mistake() }
            }
            check(try await oxbow.withLockIfAvailable(name) { _ in 1 }, 1)
            // A cancelled holder's task follows, and gives it back as well.
            let holder = Task {
                try await oxbow.withLock(name, waitingAtMost: .zero) { _ in try await Task.sleep(for: .seconds(60)) }
            }
            try await expectEventually { oxbow.lockStatistics.acquired == 3 }
            // One who waits goes away when it is cancelled.
            let waiter = Task { try await oxbow.withLock(name, waitingAtMost: .seconds(60)) { _ in } }
            try await Task.sleep(for: .milliseconds(50))
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            holder.cancel()
            await #expect(throws: CancellationError.self) { try await holder.value }
            check(try await oxbow.withLockIfAvailable(name) { _ in 1 }, 1)
            check(oxbow.lockStatistics.lost, 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a lock is held for longer than its lease while its holder works`(_ kind: StoreKind) async throws {
        try await self.withInstances(kind) { instances async throws in
            let name = freshModule("long")
            let other = instances[instances.count - 1]
            try await instances[0]
                .withLock(name, waitingAtMost: .zero, lease: .milliseconds(200)) { lease in
                    for _ in 0..<12 {
                        try await Task.sleep(for: .milliseconds(50))
                        try lease.check()
                        let outside = Task.detached { try await other.withLockIfAvailable(name) { _ in 1 } }
                        check(try await outside.value, nil)
                    }
                }
            check(instances[0].lockStatistics.lost, 0)
        }
    }

    @Test func `arguments out of their range are errors`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            func expectInvalid(_ call: () async throws -> Void) async {
                let error = await #expect(throws: OxbowError.self) { try await call() }
                check(error?.code, .invalidArgument)
            }
            await expectInvalid { try await oxbow.withLock("", waitingAtMost: .zero) { _ in } }
            await expectInvalid { _ = try await oxbow.withLockIfAvailable("") { _ in } }
            for lease in [Duration.milliseconds(99), .seconds(315_360_001), .seconds(Int64.max), .seconds(-1)] {
                await expectInvalid { try await oxbow.withLock("l", waitingAtMost: .zero, lease: lease) { _ in } }
                await expectInvalid { _ = try await oxbow.withLockIfAvailable("l", lease: lease) { _ in } }
                await expectInvalid { _ = try oxbow.clusterTask("l", every: lease) { _ in } }
            }
            await expectInvalid {
                try await oxbow.withLock("l", waitingAtMost: .zero, confirmedByReplicas: -1) { _ in }
            }
            await expectInvalid { _ = try oxbow.clusterTask("", every: .seconds(1)) { _ in } }
            check(oxbow.lockStatistics.acquired, 0)
        }
    }
}

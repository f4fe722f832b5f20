import Oxbow
import RESP
import RedisClient
import Testing

/// What every store of locks must do.
@Suite(.timeLimit(.minutes(1))) struct LockStoreContractTests {
    private func withStore(
        _ kind: StoreKind,
        _ body: @escaping @Sendable (any LockStore, LockName) async throws -> Void
    ) async throws {
        let lock = LockName(prefix: "ox-lock", freshModule("contract"))
        if kind == .memory { return try await body(MemoryLockStore(), lock) }
        try await withOxbow(kind) { oxbow async throws in
            try await body(RedisLockStore(client: try #require(oxbow.client)), lock)
        }
    }

    private func fence(_ answer: LockAnswer) throws -> UInt64 {
        guard case .taken(let fence) = answer else {
            Issue.record("\(answer)")
            return 0
        }
        return fence
    }

    @Test(arguments: StoreKind.allCases)
    func `nobody but its owner renews or releases a lock`(_ kind: StoreKind) async throws {
        try await self.withStore(kind) { store, lock async throws in
            let (owner, other) = (Token.random(), Token.random())
            let life = Duration.seconds(20)
            let first = try self.fence(try await store.take(lock, owner, for: life, confirmedBy: 0, within: nil))
            check(try await store.take(lock, other, for: life, confirmedBy: 0, within: nil), .held)
            check(try await store.renew(lock, other, for: life, within: life), false)
            check(try await store.release(lock, other), .notHeld)
            check(try await store.take(lock, other, for: life, confirmedBy: 0, within: nil), .held)
            check(try await store.renew(lock, owner, for: life, within: life), true)
            check(try await store.release(lock, owner), .released)
            check(try await store.release(lock, owner), .notHeld)
            check(try await store.renew(lock, owner, for: life, within: life), false)
            let second = try self.fence(try await store.take(lock, other, for: life, confirmedBy: 0, within: nil))
            #expect(second > first)
            // The same again, as after a lost connection: it has it still.
            let again = try self.fence(try await store.take(lock, other, for: life, confirmedBy: 0, within: nil))
            #expect(again > second)
            check(try await store.release(lock, other), .released)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a lock ends by itself, and whoever had it finds it gone`(_ kind: StoreKind) async throws {
        try await self.withStore(kind) { store, lock async throws in
            let (owner, other) = (Token.random(), Token.random())
            _ = try await store.take(lock, owner, for: .milliseconds(150), confirmedBy: 0, within: nil)
            let start = ContinuousClock.now
            try await store.wait(for: lock, until: .now + .milliseconds(20))
            #expect(start.duration(to: .now) < .milliseconds(140))
            while try await store.take(lock, other, for: .seconds(20), confirmedBy: 0, within: nil) == .held {
                try await store.wait(for: lock, until: .now + .seconds(20))
            }
            let waited = start.duration(to: .now)
            #expect(waited > .milliseconds(120) && waited < .seconds(2))
            check(try await store.renew(lock, owner, for: .seconds(20), within: .seconds(5)), false)
            check(try await store.release(lock, owner), .notHeld)
            check(try await store.renew(lock, other, for: .seconds(20), within: .seconds(5)), true)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `numbers rise when their memory is lost, and from one that is ahead of the clock`(
        _ kind: StoreKind
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let client = try #require(oxbow.client)
            let store = RedisLockStore(client: client)
            let lock = LockName(prefix: "ox-lock", freshModule("fence"))
            func next() async throws -> UInt64 {
                let token = Token.random()
                let answer = try await store.take(lock, token, for: .seconds(20), confirmedBy: 0, within: nil)
                check(try await store.release(lock, token), .released)
                return try self.fence(answer)
            }
            let first = try await next()
            _ = try await client.execute(UNLINK([lock.fence]))
            let second = try await next()
            #expect(second > first)
            let ahead = second + 3_600_000_000
            _ = try await client.execute(SET(lock.fence, "\(ahead)", milliseconds: 60_000))
            check(try await next(), ahead + 1)
            check(try await next(), ahead + 2)
            // Not a number: others have written there.
            _ = try await client.execute(SET(lock.fence, "nonsense", milliseconds: 60_000))
            #expect(try await next() > second)
            guard case .remaining = try await client.execute(PTTL(lock.fence)) else {
                Issue.record("the number has no end")
                return
            }
        }
    }
}

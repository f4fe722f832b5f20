import NIOCore
@testable import Oxbow
import RESP
import RedisClient
import Testing

/// Several handles of one cache, scopes around loads, and lives at their limits: each was a defect once.
@Suite struct HandleTests {
    @Test(arguments: StoreKind.allCases)
    func `handles of one cache share loads, counters and what a scope remembers`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let module = freshModule()
            @Sendable func handle() throws -> Cache<Int> { try oxbow.cache(module, of: Int.self) }
            let (gate, loads) = (Gate(), Counter())
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await handle()
                            .value(for: "k") {
                                await gate.pass()
                                return loads.increment()
                            }
                    }
                }
                await gate.arrival()
                gate.open()
                for try await value in group { #expect(value == 1) }
            }
            #expect(try handle().statistics.loads == 1)
            try await oxbow.withRequestScope { () async throws in
                let before = try await handle().value(for: "k") { 0 }
                try await handle().invalidate("k")
                let after = try await handle().value(for: "k") { 2 }
                #expect(before == 1 && after == 2)
            }
        }
    }

    @Test func `one cache with two types of values is an error`() throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        _ = try oxbow.cache("user", of: String.self)
        let error = try #require(throws: OxbowError.self) { try oxbow.cache("user", of: Int.self) }
        #expect(error.code == .invalidArgument)
    }

    /// Services that ask for their cache at each request must not pay for a new one.
    @Test func `a second handle with the same options is the first one`() throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        struct Row: Codable {}
        let (first, second) = try (oxbow.cache("a", of: Row.self), oxbow.cache("a", of: Row.self))
        #expect(first.core === second.core)
        let other = try oxbow.cache("a", of: Row.self, options: CacheOptions(timeToLive: .seconds(1)))
        #expect(other.core !== first.core && other.core.engine.shared === first.core.engine.shared)
        let (one, two) = try (oxbow.groupedCache("b", of: Int.self), oxbow.groupedCache("b", of: Int.self))
        #expect(one.core === two.core)
    }

    /// What a scope remembers may be older than an invalidation; a loader's value is stored for everybody.
    @Test(arguments: StoreKind.allCases)
    func `a loader reads past the request scope`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let parts = try oxbow.cache(freshModule("part"), of: String.self)
            let wholes = try oxbow.cache(freshModule("whole"), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                _ = try await parts.value(for: "k") { "old" }
                // Another request commits a change and invalidates both.
                try await Task.detached {
                    try await parts.invalidate("k")
                    try await wholes.invalidate("k")
                }
                .value
                let whole = try await wholes.value(for: "k") {
                    let part = try await parts.value(for: "k") { "new" }
                    return "whole of \(part)"
                }
                #expect(whole == "whole of new")
            }
            #expect(try await wholes.value(for: "k") == "whole of new")
        }
    }

    @Test func `a change in an inner scope, or in a loader, counts in the outer scope`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let other = try oxbow.cache(freshModule("other"), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                _ = try await cache.value(for: "k") { "1" }
                _ = try await oxbow.withRequestScope { try await cache.invalidate("k") }
                let second = try await cache.value(for: "k") { "2" }
                #expect(second == "2")
                _ = try await other.value(for: "k") {
                    try await cache.invalidate("k")
                    return "x"
                }
                let third = try await cache.value(for: "k") { "3" }
                #expect(third == "3")
            }
        }
    }

    @Test(arguments: StoreContractTests.cases)
    func `a life without end in sight is stored with an end`(_ kind: StoreKind, _ form: CellForm) async throws {
        try await withStore(kind) { test async throws in
            let (cell, token) = (test.freshCell(form), Token.random())
            let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))
            for life in [Duration.seconds(Int64.max / 4), .seconds(Int64.max), .nanoseconds(1), .seconds(-5)] {
                #expect(try await test.store.set(cell, to: value, for: life))
                if life > .seconds(1) {
                    #expect(try #require(try await test.store.timeToLive(cell)) > .seconds(86_400 * 365))
                }
                try await test.store.invalidate(cell)
                #expect(try await test.store.claim(cell, token, for: .seconds(5)) == nil)
                #expect(try await test.store.fill(cell, token, with: value, for: life))
                try await test.store.invalidate(cell)
            }
        }
    }

    /// HSET drops a field's TTL; when the server refuses the new one, the field must not stay for ever.
    @Test func `a field whose life is refused is not left behind`() async throws {
        try await withStore(.redis) { test async throws in
            let client = try #require(test.client)
            let cell = test.freshCell(.field)
            let field = try #require(cell.field)
            _ = try await client.execute(
                RawCommand("ACL", "SETUSER", "default", "-hpexpire", returning: String.self)
            )
            let value = Envelope(kind: .raw, length: 1, payload: ByteBuffer(string: "v"))
            let result = await Task { try await test.store.set(cell, to: value, for: .seconds(5)) }.result
            _ = try await client.execute(
                RawCommand("ACL", "SETUSER", "default", "+hpexpire", returning: String.self)
            )
            #expect(throws: RedisError.self) { try result.get() }
            #expect(try await client.execute(HGET(cell.key, field, as: String.self)) == nil)
        }
    }

    @Test func `a flipped bit does not close a cell`() throws {
        let text = ByteBuffer(string: String(repeating: "abc", count: 100))
        let small = try #require(Deflate().deflate(text))
        for kind in [Envelope.Kind.raw, .deflated, .absent] {
            let sound = Envelope(kind: kind, length: kind == .raw ? small.readableBytes : 300, payload: small).encoded
            for bit in 0..<sound.readableBytes * 8 {
                var flipped = sound
                let byte = try #require(sound.getInteger(at: bit / 8, as: UInt8.self))
                flipped.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
                guard case .unusable = CellContent(flipped) else { throw TestFailure("\(kind), bit \(bit)") }
            }
        }
    }
}

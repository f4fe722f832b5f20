import NIOCore
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// Maps are no caches: what cannot be done is thrown.
@Suite(.timeLimit(.minutes(1))) struct MapErrorTests {
    private func expect(
        _ code: OxbowError.Code,
        _ location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("no error", sourceLocation: location)
        } catch let error as OxbowError {
            #expect(error.code == code, sourceLocation: location)
        } catch { Issue.record("\(error)", sourceLocation: location) }
    }

    @Test func `a call with a wrong argument is refused, and nothing happens`() async throws {
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        configuration.maps.maximumValueBytes = 100
        try await withOxbow(configuration) { oxbow async throws in
            let map = try oxbow.map(freshModule(), of: String.self, timeToLive: .seconds(60))
            await self.expect(.invalidKey) { _ = try await map.value(for: "") }
            await self.expect(.invalidKey) { try await map.put("v", for: "") }
            await self.expect(.valueTooLarge) { try await map.put(String(repeating: "x", count: 101), for: "k") }
            check(try await map.count(), 0)
            await self.expect(.invalidArgument) { _ = try oxbow.map("", of: String.self, timeToLive: .seconds(1)) }
        }
        let idle = try Oxbow(configuration, logger: silent)
        await self.expect(.notRunning) {
            _ = try await idle.map("a", of: String.self, timeToLive: .seconds(1)).value(for: "k")
        }
        configuration.maps.keyPrefix = "{"
        #expect(throws: ConfigurationError.self) { try Oxbow(configuration, logger: silent) }
    }

    @Test(arguments: StoreKind.servers)
    func `a key that holds another type is refused, and nothing is stored or removed`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (name, client) = (freshModule("type"), try #require(oxbow.client))
            let map = try oxbow.map(name, of: Int.self, timeToLive: .seconds(60))
            let key = "ox-map:\(name):list"
            _ = try await client.execute(RPUSH(key, ["1"]))
            await self.expect(.wrongType) { _ = try await map.value(for: "list") }
            await self.expect(.wrongType) {
                _ = try await map.value(for: "list", resettingTimeToLiveTo: .seconds(60))
            }
            await self.expect(.wrongType) { _ = try await map.values(for: ["list"]) }
            await self.expect(.wrongType) { _ = try await map.exchange(7, for: "list") }
            await self.expect(.wrongType) { _ = try await map.putIfAbsent(7, for: "list") }
            await self.expect(.wrongType) { _ = try await map.replace(7, with: 8, for: "list") }
            await self.expect(.wrongType) { _ = try await map.take("list") }
            check(try await client.execute(TYPE(key)), .list)
            check(try await client.execute(PTTL(key)), .unlimited)
            // Not a string: no entry of the map.
            check(try await map.count(), 0)
            check(try await map.removeAll(), 0)
            check(try await map.remove("list"), true)
            check(try await client.execute(TYPE(key)), .none)
            _ = try await client.execute(RPUSH(key, ["1"]))
            try await map.put(7, for: "list")
            check(try await map.value(for: "list"), 7)
        }
    }

    @Test(arguments: StoreKind.servers)
    func `bytes that are no value are refused, and put replaces them`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (name, client) = (freshModule("foreign"), try #require(oxbow.client))
            let map = try oxbow.map(name, of: Int.self, timeToLive: .seconds(60))
            let key = "ox-map:\(name):text"
            func plant() async throws { _ = try await client.execute(SET(key, "no envelope", milliseconds: 60_000)) }
            try await plant()
            await self.expect(.undecodable) { _ = try await map.value(for: "text") }
            await self.expect(.undecodable) { _ = try await map.values(for: ["text"]) }
            await self.expect(.undecodable) { _ = try await map.putIfAbsent(7, for: "text") }
            await self.expect(.undecodable) { _ = try await map.replace(7, with: 8, for: "text") }
            check(try await client.execute(GET(key)), "no envelope")
            // The old value is not looked at.
            try await map.put(7, for: "text")
            check(try await map.value(for: "text"), 7)
            try await plant()
            check(try await map.remove("text"), true)
            // The change has happened; the old value cannot be returned.
            try await plant()
            await self.expect(.undecodable) { _ = try await map.exchange(8, for: "text") }
            check(try await map.value(for: "text"), 8)
            try await plant()
            await self.expect(.undecodable) { _ = try await map.take("text") }
            check(try await map.contains("text"), false)
            // Under a name that no key has: no entry of the map.
            _ = try await client.execute(SET("ox-map:\(name):%61", "no key's name", milliseconds: 60_000))
            check(try await map.count(), 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a TTL of zero or less is refused, and a huge one is clamped, by every call`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let name = freshModule("ttl")
            let map = try oxbow.map(name, of: String.self, timeToLive: .seconds(60))
            for life in [Duration.zero, .nanoseconds(-1), .seconds(-1), .seconds(Int64.min)] {
                try await map.put("v", for: "k")
                await self.expect(.invalidArgument) { try await map.put("w", for: "k", timeToLive: life) }
                await self.expect(.invalidArgument) { _ = try await map.exchange("w", for: "k", timeToLive: life) }
                await self.expect(.invalidArgument) { _ = try await map.putIfAbsent("w", for: "l", timeToLive: life) }
                await self.expect(.invalidArgument) { _ = try await map.issue("w", timeToLive: life) }
                await self.expect(.invalidArgument) {
                    _ = try await map.replace("v", with: "w", for: "k", timeToLive: life)
                }
                await self.expect(.invalidArgument) { _ = try await map.value(for: "k", resettingTimeToLiveTo: life) }
                await self.expect(.invalidArgument) { _ = try oxbow.map("m", of: String.self, timeToLive: life) }
                check(try await map.value(for: "k"), "v")
                check(try await map.count(), 1)
            }
            for life in [Duration.seconds(Int64.max), .seconds(1 << 50)] {
                try await map.put("a", for: "k", timeToLive: life)
                check(try await map.exchange("b", for: "k", timeToLive: life), "a")
                check(try await map.replace("b", with: "c", for: "k", timeToLive: life), true)
                check(try await map.value(for: "k", resettingTimeToLiveTo: life), "c")
                check(try await map.remove("k"), true)
                check(try await map.putIfAbsent("d", for: "k", timeToLive: life), nil)
                check(try await map.value(for: "k"), "d")
                let lasting = try oxbow.map(name, of: String.self, timeToLive: life)
                try await lasting.put("e", for: "k")
                check(try await map.value(for: "k"), "e")
            }
            // Below the resolution of a server's TTL.
            try await map.put("v", for: "k", timeToLive: .nanoseconds(1))
            try await expectEventually { () async throws in try await map.value(for: "k") == nil }
        }
    }

    @Test func `large values are deflated, and both forms are equal`() async throws {
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        configuration.maps.compression.type = .deflate
        let name = freshModule("deflated")
        let (text, other) = (String(repeating: "a", count: 5000), String(repeating: "b", count: 5000))
        try await withOxbow(.redis) { plain async throws in
            let raw = try plain.map(name, of: String.self, timeToLive: .seconds(60))
            try await withOxbow(configuration) { oxbow async throws in
                let map = try oxbow.map(name, of: String.self, timeToLive: .seconds(60))
                try await map.put(text, for: "k")
                let client = try #require(oxbow.client)
                let key = "ox-map:\(name):k"
                let length = try await client.execute(RawCommand("STRLEN", key, returning: Int.self))
                #expect(length < 200)
                check(try await raw.value(for: "k"), text)
                // Stored by the one, expected and replaced by the other.
                check(try await raw.replace(text, with: other, for: "k"), true)
                check(try await map.replace(other, with: text, for: "k"), true)
            }
        }
    }

    @Test func `a server that hangs or is full is an error by the timeout`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.commandTimeout = .milliseconds(300)
        try await withOxbow(configuration) { oxbow async throws in
            let map = try oxbow.map("a", of: String.self, timeToLive: .seconds(60))
            try await map.put("v", for: "k")
            try server.cli("config", "set", "maxmemory", "1")
            do {
                try await map.put("w", for: "k")
                Issue.record("stored")
            } catch let error as OxbowError {
                #expect(error.code == .unavailable && error.delivery == .refused)
            }
            check(try await map.value(for: "k"), "v")
            try server.cli("config", "set", "maxmemory", "0")
            server.pause()
            defer { server.resume() }
            await self.expectTimeout { _ = try await map.take("k") }
        }
    }

    /// With all settings at their defaults, a hung server would hold each call for 5 s.
    @Test func `a call's own timeout limits it while the server hangs`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        try await withOxbow(configuration) { oxbow async throws in
            let map = try oxbow.map("a", of: String.self, timeToLive: .seconds(60))
            try await map.put("v", for: "k")
            server.pause()
            defer { server.resume() }
            let limit = Duration.milliseconds(100)
            await self.expectTimeout { _ = try await map.value(for: "k", timeout: limit) }
            await self.expectTimeout {
                _ = try await map.value(for: "k", resettingTimeToLiveTo: .seconds(9), timeout: limit)
            }
            await self.expectTimeout { _ = try await map.values(for: (0..<2500).map { "\($0)" }, timeout: limit) }
            await self.expectTimeout { _ = try await map.contains("k", timeout: limit) }
            await self.expectTimeout { try await map.put("w", for: "k", timeout: limit) }
            await self.expectTimeout { _ = try await map.exchange("w", for: "k", timeout: limit) }
            await self.expectTimeout { _ = try await map.putIfAbsent("w", for: "k", timeout: limit) }
            await self.expectTimeout { _ = try await map.issue("w", timeout: limit) }
            await self.expectTimeout { _ = try await map.replace("v", with: "w", for: "k", timeout: limit) }
            await self.expectTimeout { _ = try await map.take("k", timeout: limit) }
            await self.expectTimeout { _ = try await map.remove("k", timeout: limit) }
        }
    }

    private func expectTimeout(
        _ location: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        let start = ContinuousClock.now
        let error = await #expect(throws: OxbowError.self, sourceLocation: location) { try await body() }
        #expect(error?.code == .unavailable, sourceLocation: location)
        #expect(error?.delivery == .unknown, sourceLocation: location)
        #expect(start.duration(to: .now) < .seconds(1), sourceLocation: location)
    }
}

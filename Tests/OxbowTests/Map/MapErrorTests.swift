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

    @Test func `what is wrong with a call is told, and nothing happens`() async throws {
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        configuration.maps.maximumValueBytes = 100
        try await withOxbow(configuration) { oxbow async throws in
            let map = oxbow.map(freshModule(), of: String.self, timeToLive: .seconds(60))
            await self.expect(.invalidKey) { _ = try await map.value(for: "") }
            await self.expect(.invalidKey) { try await map.put("v", for: "") }
            await self.expect(.valueTooLarge) { try await map.put(String(repeating: "x", count: 101), for: "k") }
            check(try await map.count(), 0)
        }
        let idle = try Oxbow(configuration, logger: silent)
        await self.expect(.notRunning) {
            _ = try await idle.map("a", of: String.self, timeToLive: .seconds(1)).value(for: "k")
        }
        configuration.maps.keyPrefix = "{"
        #expect(throws: ConfigurationError.self) { try Oxbow(configuration, logger: silent) }
    }

    @Test func `what others have left under a key is told, and can be put right`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let (name, client) = (freshModule("foreign"), try #require(oxbow.client))
            let map = oxbow.map(name, of: Int.self, timeToLive: .seconds(60))
            _ = try await client.execute(SET("ox-map:\(name):text", "no envelope", milliseconds: 60_000))
            _ = try await client.execute(RPUSH("ox-map:\(name):list", ["1"]))
            _ = try await client.execute(PEXPIRE("ox-map:\(name):list", .seconds(60)))
            for key in ["text", "list"] { await self.expect(.undecodable) { _ = try await map.value(for: key) } }
            await self.expect(.undecodable) { _ = try await map.values(for: ["text"]) }
            // It is stored; what was there before cannot be told.
            await self.expect(.undecodable) { try await map.put(7, for: "text") }
            check(try await map.value(for: "text"), 7)
            await self.expect(.undecodable) { try await map.put(7, for: "list") }
            // Not a string, or under a name that no key has: no entry of the map.
            _ = try await client.execute(SET("ox-map:\(name):%61", "no key's name", milliseconds: 60_000))
            check(try await map.count(), 1)
        }
    }

    @Test func `large values are deflated, and both forms are equal`() async throws {
        var configuration = OxbowConfiguration()
        configuration.redis = try await redisConfiguration(.redis)
        configuration.maps.compression.type = .deflate
        let name = freshModule("deflated")
        let (text, other) = (String(repeating: "a", count: 5000), String(repeating: "b", count: 5000))
        try await withOxbow(.redis) { plain async throws in
            let raw = plain.map(name, of: String.self, timeToLive: .seconds(60))
            try await withOxbow(configuration) { oxbow async throws in
                let map = oxbow.map(name, of: String.self, timeToLive: .seconds(60))
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

    @Test func `a server that hangs or is full is told by the deadline`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .host("127.0.0.1", port: server.port)
        configuration.redis.commandTimeout = .milliseconds(300)
        try await withOxbow(configuration) { oxbow async throws in
            let map = oxbow.map("a", of: String.self, timeToLive: .seconds(60))
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
            let start = ContinuousClock.now
            do {
                _ = try await map.take("k")
                Issue.record("taken")
            } catch let error as OxbowError {
                #expect(error.code == .unavailable && error.delivery == .unknown)
            }
            #expect(start.duration(to: .now) < .seconds(2))
            server.resume()
        }
    }
}

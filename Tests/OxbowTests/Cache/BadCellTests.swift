import NIOCore
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// What others, or an accident, may leave in a cell: always a miss, replaced by the next load.
@Suite struct BadCellTests {
    typealias Cause = any KeyPath<UnusableStatistics, UInt64> & Sendable
    static let bytes: [(String, ByteBuffer, Cause)] = [
        ("empty", ByteBuffer(), \.foreign),
        ("foreign JSON", ByteBuffer(string: "{\"a\":1}"), \.foreign),
        ("a mark alone", ByteBuffer(string: "OX1r"), \.damaged),
        ("a later version", ByteBuffer(string: "OX2r" + String(repeating: "\0", count: 40)), \.foreign),
        ("an unknown kind", ByteBuffer(string: "OX1q" + String(repeating: "\0", count: 40)), \.damaged),
        ("a claim cut short", ByteBuffer(string: "OX1c1234"), \.damaged),
        ("a claim too long", ByteBuffer(string: "OX1c" + String(repeating: "t", count: 17)), \.damaged),
        ("a closing cut short", ByteBuffer(string: "OX1x"), \.damaged),
        ("not UTF-8", ByteBuffer(bytes: [0xFF, 0xFE, 0, 1]), \.foreign),
        ("sound envelope, no JSON", sealed(.raw, "not json"), \.undecodable),
        ("sound envelope, not deflated", sealed(.deflated, "not deflated", length: 1000), \.undecodable),
        ("sound envelope, absurd length", sealed(.deflated, "x", length: Int(UInt32.max)), \.tooLarge),
    ]

    private static func sealed(_ kind: Envelope.Kind, _ text: String, length: Int? = nil) -> ByteBuffer {
        let payload = ByteBuffer(string: text)
        return Envelope(kind: kind, length: length ?? payload.readableBytes, payload: payload).encoded
    }

    @Test(arguments: Self.bytes.indices)
    func `bytes that are no value are a miss and are replaced`(_ index: Int) async throws {
        let (_, bytes, cause) = Self.bytes[index]
        try await withOxbow(.redis) { oxbow async throws in
            let module = freshModule("bad")
            let cache = try oxbow.cache(module, of: User.self)
            let client = try #require(oxbow.client)
            _ = try await client.execute(SET("ox-cache:\(module):1:k", bytes, milliseconds: 60_000))
            #expect(try await cache.value(for: "k") == nil)
            #expect(try await !cache.contains("k") || bytes.readableBytes > 24)
            let user = User(id: 1, name: "x")
            check(try await cache.value(for: "k") { user }, user)
            #expect(try await cache.value(for: "k") == user)
            let unusable = cache.statistics.unusable
            #expect(unusable[keyPath: cause] == unusable.total && unusable.total > 0)
        }
    }

    @Test func `each flipped bit of a stored value is noticed`() throws {
        let payload = ByteBuffer(string: "{\"id\":42,\"name\":\"Ada\"}")
        let sound = Envelope(kind: .raw, length: payload.readableBytes, payload: payload).encoded
        #expect(Envelope(sound) != nil)
        for bit in 0..<sound.readableBytes * 8 {
            var flipped = sound
            let byte = try #require(sound.getInteger(at: bit / 8, as: UInt8.self))
            flipped.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
            #expect(Envelope(flipped) == nil, "bit \(bit)")
        }
        for length in 0..<sound.readableBytes {
            #expect(Envelope(try #require(sound.getSlice(at: 0, length: length))) == nil, "cut to \(length)")
        }
    }

    @Test(arguments: StoreKind.servers)
    func `a key of another type is a miss and is replaced`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let (module, groups) = (freshModule("list"), freshModule("set"))
            let client = try #require(oxbow.client)
            _ = try await client.execute(RawCommand("RPUSH", "ox-cache:\(module):1:k", "a", returning: Int.self))
            _ = try await client.execute(RawCommand("SADD", "ox-cache:\(groups):1:g", "a", returning: Int.self))
            let cache = try oxbow.cache(module, of: String.self)
            let grouped = try oxbow.groupedCache(groups, of: String.self)
            check(try await cache.value(for: "k") { "v" }, "v")
            #expect(try await cache.value(for: "k") == "v")
            check(try await grouped.value(for: "k", in: "g") { "v" }, "v")
            #expect(try await grouped.value(for: "k", in: "g") == "v")
        }
    }

    @Test func `a 512 MB value in a cell does not hurt its neighbors`() async throws {
        let server = try await ServerProcess.start(.redis)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache.softTimeout = .seconds(30)
        configuration.redis.commandTimeout = .seconds(30)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("big", of: String.self)
            try await cache.set("small", for: "other")
            // SETRANGE makes the server's largest string without sending it.
            try server.cli("setrange", "ox-cache:big:1:k", "\(512 * 1024 * 1024 - 1)", "x")
            async let other = cache.value(for: "other")
            check(try await cache.value(for: "k") { "v" }, "v")
            #expect(try await other == "small")
            #expect(try await cache.value(for: "k") == "v")
            #expect(oxbow.client?.statistics.connects == 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a value that is too large is returned and not stored`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.maximumValueBytes = 1000
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let large = String(repeating: "x", count: 1001)
            check(try await cache.value(for: "k") { large }, large)
            #expect(try await cache.value(for: "k") == nil)
            #expect(cache.statistics.failedFills == 1)
            let error = await #expect(throws: OxbowError.self) { try await cache.set(large, for: "k") }
            #expect(error?.code == .valueTooLarge)
            #expect(error?.message.contains("1001 bytes; at most 1000") == true)
            check(try await cache.value(for: "k") { "small" }, "small")
        }
    }

    @Test func `a value of 512 MB is refused with a clear error`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: ByteBuffer.self)
            let huge = ByteBuffer(bytes: [UInt8](repeating: 0, count: 512 * 1024 * 1024))
            let error = await #expect(throws: OxbowError.self) { try await cache.set(huge, for: "k") }
            #expect(error?.code == .valueTooLarge)
            check(try await cache.value(for: "k") { huge }.readableBytes, huge.readableBytes)
        }
    }
}

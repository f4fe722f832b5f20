import Foundation
import NIOCore
import Oxbow
import RESP
import RedisClient
import Testing

@Suite struct ValueCoderTests {
    private let text = (0..<400).map { "{\"id\":\($0),\"name\":\"user \($0 * 7919)\"}" }.joined(separator: ",")

    private func compressing(_ type: CompressionConfiguration.Compression, from bytes: Int = 256) -> CacheConfiguration
    {
        var configuration = patient()
        configuration.compression.type = type
        configuration.compression.minimumBytes = bytes
        return configuration
    }

    @Test func `large values are deflated, and both forms are readable whatever is set`() async throws {
        let module = freshModule()
        try await withOxbow(.redis, cache: compressing(.deflate)) { deflating async throws in
            try await withOxbow(.redis, cache: compressing(.none)) { plain async throws in
                let client = try #require(plain.client)
                let (a, b) = try (deflating.cache(module, of: String.self), plain.cache(module, of: String.self))
                try await a.set(text, for: "deflated")
                try await b.set(text, for: "raw")
                for key in ["deflated", "raw"] {
                    #expect(try await a.value(for: key) == text)
                    #expect(try await b.value(for: key) == text)
                }
                func length(_ key: String) async throws -> Int {
                    try await client.execute(RawCommand("STRLEN", "ox-cache:\(module):1:\(key)", returning: Int.self))
                }
                #expect(try await length("deflated") < text.utf8.count / 2)
                #expect(try await length("raw") == text.utf8.count + 24)
                // The payload is a zlib stream, as any tool reads it.
                let stored = try await client.execute(GET("ox-cache:\(module):1:deflated", as: ByteBuffer.self))
                #expect(stored?.getBytes(at: 24, length: 1) == [0x78])
            }
        }
    }

    @Test(arguments: [(255, false), (256, true)])
    func `only values of the minimum size are deflated`(_ length: Int, _ deflated: Bool) async throws {
        try await withOxbow(.redis, cache: compressing(.deflate)) { oxbow async throws in
            let module = freshModule("minimum")
            let cache = try oxbow.cache(module, of: String.self)
            try await cache.set(String(repeating: "a", count: length), for: "k")
            let client = try #require(oxbow.client)
            let stored = try await client.execute(RawCommand("STRLEN", "ox-cache:\(module):1:k", returning: Int.self))
            #expect((stored < length) == deflated)
            #expect(try await cache.value(for: "k")?.utf8.count == length)
        }
    }

    @Test func `what does not get smaller is stored as it is`() async throws {
        try await withOxbow(.redis, cache: compressing(.deflate, from: 1)) { oxbow async throws in
            let module = freshModule()
            let cache = try oxbow.cache(module, codec: BytesCodec())
            var generator = SystemRandomNumberGenerator()
            let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try await cache.set(noise, for: "k")
            #expect(try await cache.value(for: "k") == noise)
            try await cache.set([], for: "empty")
            #expect(try await cache.value(for: "empty") == [])
            try await cache.set([7], for: "one")
            #expect(try await cache.value(for: "one") == [7])
        }
    }

    @Test func `a deflated value that lies about its length is a miss`() throws {
        let deflate = Deflate()
        let payload = try #require(deflate.deflate(ByteBuffer(string: text)))
        let length = text.utf8.count
        #expect(deflate.inflate(payload, length: length) == ByteBuffer(string: text))
        for wrong in [0, 1, length - 1, length + 1, length * 2, Int(UInt32.max)] where wrong < 1 << 30 {
            #expect(deflate.inflate(payload, length: wrong) == nil, "\(wrong)")
        }
        for cut in [0, 1, 2, payload.readableBytes / 2, payload.readableBytes - 1] {
            let part = try #require(payload.getSlice(at: 0, length: cut))
            #expect(deflate.inflate(part, length: length) == nil, "cut to \(cut)")
        }
        var longer = payload
        longer.writeString("x")
        #expect(deflate.inflate(longer, length: length) == nil)
    }

    @Test func `streams are reused by many tasks at once`() async throws {
        let deflate = Deflate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for round in 0..<50 {
                        let text = ByteBuffer(string: String(repeating: "task \(task) round \(round) ", count: 40))
                        let small = try #require(deflate.deflate(text))
                        #expect(deflate.inflate(small, length: text.readableBytes) == text)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `each kind of value comes back`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let text = try oxbow.cache(freshModule("text"), of: String.self)
            let data = try oxbow.cache(freshModule("data"), of: Data.self)
            let buffer = try oxbow.cache(freshModule("buffer"), of: ByteBuffer.self)
            let number = try oxbow.cache(freshModule("number"), of: Int.self)
            let users = try oxbow.cache(freshModule("users"), of: [User].self)
            let hex = try oxbow.cache(freshModule("hex"), codec: HexCodec())
            try await text.set("ä\0\r\n", for: "k")
            try await data.set(Data([0, 255, 13, 10]), for: "k")
            try await buffer.set(ByteBuffer(bytes: [1, 2, 3]), for: "k")
            try await number.set(.min, for: "k")
            try await users.set([User(id: 1, name: "ö")], for: "k")
            try await hex.set(0xBEEF, for: "k")
            #expect(try await text.value(for: "k") == "ä\0\r\n")
            #expect(try await data.value(for: "k") == Data([0, 255, 13, 10]))
            #expect(try await buffer.value(for: "k") == ByteBuffer(bytes: [1, 2, 3]))
            #expect(try await number.value(for: "k") == .min)
            #expect(try await users.value(for: "k") == [User(id: 1, name: "ö")])
            #expect(try await hex.value(for: "k") == 0xBEEF)
        }
    }

    private struct Event: Codable, Equatable {
        var date: Date
        var score: Double
    }

    @Test func `JSON is written and read by the caller's coders`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
            encoder.dateEncodingStrategy = .iso8601
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "inf",
                negativeInfinity: "-inf",
                nan: "nan"
            )
            decoder.dateDecodingStrategy = .iso8601
            decoder.nonConformingFloatDecodingStrategy = .convertFromString(
                positiveInfinity: "inf",
                negativeInfinity: "-inf",
                nan: "nan"
            )
            let module = freshModule()
            let codec = JSONCodec(Event.self, encoder: encoder, decoder: decoder)
            let events = try oxbow.cache(module, codec: codec)
            let event = Event(date: Date(timeIntervalSince1970: 0), score: .infinity)
            try await events.set(event, for: "k")
            #expect(try await events.value(for: "k") == event)
            let client = try #require(oxbow.client)
            let stored = try await client.execute(GET("ox-cache:\(module):1:k", as: ByteBuffer.self))
            #expect(String(buffer: stored ?? ByteBuffer()).contains("1970-01-01T00:00:00Z"))
        }
    }

    /// Arrays of one's own type may be a ``CacheValue``: an array of bytes has not used up the conformance.
    @Test func `an array of values may have a form of its own`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: [Point].self)
            try await cache.set([Point(x: 1), Point(x: 2)], for: "k")
            #expect(try await cache.value(for: "k") == [Point(x: 1), Point(x: 2)])
        }
    }

    @Test func `a codec that throws loses nothing`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), codec: HexCodec())
            check(try await cache.value(for: "k") { -1 }, -1)
            #expect(cache.statistics.failedFills == 1)
            let error = await #expect(throws: OxbowError.self) { try await cache.set(-1, for: "k") }
            #expect(error?.code == .cannotEncode)
            check(try await cache.value(for: "k") { 5 }, 5)
            // Stored again a moment after the failure.
            try await expectEventually {
                _ = try await cache.value(for: "k") { 5 }
                return try await cache.contains("k")
            }
        }
    }
}

/// Writes numbers as hex digits and refuses negative ones.
private struct HexCodec: CacheCodec {
    func encode(_ value: Int, into buffer: inout ByteBuffer) throws {
        guard value >= 0 else { throw UndecodableValue() }
        buffer.writeString(String(value, radix: 16))
    }
    func decode(_ bytes: ByteBuffer) throws -> Int {
        guard let value = Int(String(buffer: bytes), radix: 16) else { throw UndecodableValue() }
        return value
    }
}

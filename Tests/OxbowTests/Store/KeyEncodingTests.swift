import Oxbow
import RESP
import RedisClient
import Testing

@Suite struct KeyEncodingTests {
    static let nasty = [
        "a\r\nb", "a\0b", "a:b", "{tag}", "*", "a?[b]", "a\\b", "%", "%3A", "%7Btag%7D", "..", "../x", "ö", "o\u{308}",
        " ", "\u{7F}", "ox-map:x:y", String(repeating: "k", count: 100_000), "a%0D%0Ab", ":", "::", "a:", ":a",
    ]

    @Test(arguments: StoreKind.allCases)
    func `each key has an entry of its own`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let groups = try oxbow.groupedCache(freshModule(), of: String.self)
            for key in Self.nasty {
                try await cache.set("<\(key)>", for: key)
                try await groups.set("<\(key)>", for: key, in: "g")
                try await groups.set("[\(key)]", for: "k", in: key)
            }
            for key in Self.nasty {
                check(try await cache.value(for: key).map { Array($0.utf8) }, Array("<\(key)>".utf8))
                check(try await groups.value(for: key, in: "g").map { Array($0.utf8) }, Array("<\(key)>".utf8))
                check(try await groups.value(for: "k", in: key).map { Array($0.utf8) }, Array("[\(key)]".utf8))
            }
        }
    }

    @Test func `no module, group or key leaves its family or chooses a slot`() async throws {
        try await withOxbow(.valkey) { oxbow async throws in
            let client = try #require(oxbow.client)
            let unique = "family\(UInt64.random(in: 0 ... .max))"
            for text in Self.nasty where text.utf8.count < 1000 {
                try await oxbow.cache(unique + text, of: String.self).set("v", for: text)
                try await oxbow.groupedCache(unique + text, of: String.self, version: 2).set("v", for: text, in: text)
            }
            let keys = try await client.execute(
                RawCommand("KEYS", "*\(unique)*", returning: [String].self)
            )
            #expect(keys.count == 2 * (Self.nasty.count - 1))
            for key in keys {
                #expect(key.utf8.starts(with: "ox-cache:\(unique)".utf8))
                check(key.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && !"{}*?[]\\".utf8.contains($0) }, true)
            }
        }
    }

    @Test func `an empty key or group is a clear error and reaches nobody`() async throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration(), logger: silent)
        let cache = try oxbow.cache("a", of: String.self)
        let groups = try oxbow.groupedCache("b", of: String.self)
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await cache.value(for: "") { "loaded" } }, { _ = try await cache.value(for: "") },
            { try await cache.set("v", for: "") }, { try await cache.invalidate("") },
            { _ = try await cache.contains("") }, { _ = try await cache.remainingTimeToLive(for: "") },
            { _ = try await groups.value(for: "k", in: "") { "loaded" } }, { try await groups.invalidate(group: "") },
            { _ = try await groups.value(for: "", in: "g") { "loaded" } },
        ]
        for call in calls {
            let error = await #expect(throws: OxbowError.self) { try await call() }
            #expect(error?.code == .invalidKey)
        }
        #expect(cache.statistics.loads == 0)
    }
}

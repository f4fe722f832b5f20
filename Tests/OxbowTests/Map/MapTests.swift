import NIOCore
import Oxbow
import RESP
import RedisClient
import Testing

/// What a map does, on every store.
@Suite(.timeLimit(.minutes(1))) struct MapTests {
    private func withMap<Value: Codable & Sendable>(
        _ kind: StoreKind,
        of type: Value.Type,
        _ body: @escaping @Sendable (DistributedMap<Value>, Oxbow) async throws -> Void
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            try await body(try oxbow.map(freshModule("map"), of: type, timeToLive: .seconds(60)), oxbow)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `entries are put, exchanged, read, replaced, taken and removed`(
        _ kind: StoreKind
    ) async throws {
        try await self.withMap(kind, of: User.self) { map, _ async throws in
            let (ada, bob, eve) = (User(id: 1, name: "Ada"), User(id: 2, name: "Bob"), User(id: 3, name: "Eve"))
            check(try await map.value(for: "k"), nil)
            check(try await map.contains("k"), false)
            check(try await map.exchange(ada, for: "k"), nil)
            check(try await map.exchange(bob, for: "k"), ada)
            try await map.put(ada, for: "k")
            try await map.put(bob, for: "k")
            check(try await map.contains("k"), true)
            check(try await map.putIfAbsent(eve, for: "k"), bob)
            check(try await map.value(for: "k"), bob)
            check(try await map.putIfAbsent(eve, for: "other"), nil)
            check(try await map.replace(ada, with: eve, for: "k"), false)
            check(try await map.replace(bob, with: eve, for: "k"), true)
            check(try await map.replace(bob, with: ada, for: "absent"), false)
            check(try await map.contains("absent"), false)
            check(try await map.take("k"), eve)
            check(try await map.take("k"), nil)
            check(try await map.remove("other"), true)
            check(try await map.remove("other"), false)
            check(try await map.count(), 0)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `every entry has an end, which a replacement keeps and a read may set`(_ kind: StoreKind) async throws {
        try await self.withMap(kind, of: String.self) { map, _ async throws in
            let short = Duration.milliseconds(300)
            try await map.put("v", for: "put", timeToLive: short)
            check(try await map.putIfAbsent("v", for: "absent", timeToLive: short), nil)
            try await map.put("v", for: "replaced", timeToLive: short)
            check(try await map.replace("v", with: "w", for: "replaced"), true)
            try await map.put("v", for: "longer", timeToLive: short)
            check(try await map.replace("v", with: "w", for: "longer", timeToLive: .seconds(60)), true)
            try await map.put("v", for: "used", timeToLive: short)
            check(try await map.value(for: "used", resettingTimeToLiveTo: .seconds(60)), "v")
            check(try await map.value(for: "never there", resettingTimeToLiveTo: .seconds(60)), nil)
            // Set, not added: a shorter TTL ends the entry earlier.
            try await map.put("v", for: "shortened")
            check(try await map.value(for: "shortened", resettingTimeToLiveTo: short), "v")
            try await map.put("v", for: "lasting")
            try await expectEventually { () async throws in
                try await map.values(for: ["put", "absent", "replaced", "shortened"]).isEmpty
            }
            let left = try await map.values(for: ["longer", "used", "lasting", "put"])
            check(Set(left.keys), ["longer", "used", "lasting"])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a hundred writers that replace lose no update`(_ kind: StoreKind) async throws {
        try await self.withMap(kind, of: [Int].self) { map, _ async throws in
            try await map.put([], for: "k")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<100 {
                    group.addTask {
                        while true {
                            let old = try #require(try await map.value(for: "k"))
                            if try await map.replace(old, with: old + [writer], for: "k") { return }
                        }
                    }
                }
                try await group.waitForAll()
            }
            check(try await map.value(for: "k")?.sorted(), Array(0..<100))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `of many callers one takes an entry, and one is the first to put it`(_ kind: StoreKind) async throws {
        try await self.withMap(kind, of: Int.self) { map, _ async throws in
            try await map.put(7, for: "once")
            let (taken, stored) = try await withThrowingTaskGroup(of: (Int?, Int?).self) { group in
                for caller in 0..<50 {
                    group.addTask { (try await map.take("once"), try await map.putIfAbsent(caller, for: "first")) }
                }
                return try await group.reduce(into: (0, 0)) { counts, answer in
                    counts.0 += answer.0 == nil ? 0 : 1
                    counts.1 += answer.1 == nil ? 1 : 0
                }
            }
            check(taken, 1)
            check(stored, 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a value is issued under a name of its own, redeemed once, and kept alive by its use`(
        _ kind: StoreKind
    ) async throws {
        try await self.withMap(kind, of: String.self) { map, _ async throws in
            let names = try await [map.issue("one"), map.issue("two")]
            check(Set(names).count, 2)
            check(names.allSatisfy { $0.utf8.count == 32 && UInt64($0.prefix(16), radix: 16) != nil }, true)
            check(try await map.take(names[0]), "one")
            check(try await map.take(names[0]), nil)
            check(try await map.take(names[1]), "two")
            let idle = try await map.issue("idle", timeToLive: .milliseconds(300))
            for _ in 0..<6 {
                try await Task.sleep(for: .milliseconds(100))
                check(try await map.value(for: idle, resettingTimeToLiveTo: .milliseconds(300)), "idle")
            }
            try await expectEventually { try await map.value(for: idle) == nil }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `keys come as they were given, each once, and no other map's`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let name = freshModule("keys")
            let map = try oxbow.map(name, of: String.self, timeToLive: .seconds(60))
            // Their names begin with this one's, or are patterns that match it.
            let others = try [name + "x", String(name.dropLast()) + "?", name + ":", "*"]
                .map { try oxbow.map($0, of: String.self, timeToLive: .seconds(60)) }
            let keys = Set(KeyEncodingTests.nasty.map { Array($0.utf8) } + (0..<3000).map { Array("key \($0)".utf8) })
            for other in others { try await other.put("other", for: "k") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in keys { group.addTask { try await map.put("v", for: String(decoding: key, as: UTF8.self)) } }
                try await group.waitForAll()
            }
            var found: [[UInt8]] = []
            for try await key in map.keys { found.append(Array(key.utf8)) }
            check(found.count, keys.count)
            check(Set(found), keys)
            check(try await map.count(), keys.count)
            check(try await map.removeAll(), keys.count)
            check(try await map.count(), 0)
            for other in others { check(try await other.take("k"), "other") }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `several entries are read at once, whatever their number`(_ kind: StoreKind) async throws {
        try await self.withMap(kind, of: Int.self) { map, _ async throws in
            for number in 0..<20 { try await map.put(number, for: "\(number)") }
            let found = try await map.values(for: (0..<2500).map { "\($0)" })
            check(found, Dictionary(uniqueKeysWithValues: (0..<20).map { ("\($0)", $0) }))
            check(try await map.values(for: []), [:])
            let error = await #expect(throws: OxbowError.self) {
                _ = try await map.values(for: ["\u{E9}", "e\u{301}"])
            }
            check(error?.code, .invalidKey)
        }
    }
}

import Foundation
import Oxbow
import Testing

/// Keys that are no texts.
@Suite(.timeLimit(.minutes(1))) struct CacheKeyTests {
    private struct UserID: CacheKey, Hashable {
        var context: Int
        var number: Int
        var cacheKey: String { "\(self.context):\(self.number)" }
    }

    private enum Folder: String, CacheKey { case inbox, sent }

    /// Breaks the rule that different keys have different texts.
    private struct Ambiguous: CacheKey, Hashable {
        var number: Int
        var cacheKey: String { "same" }
    }

    @Test func `what the ready-made keys are as texts`() throws {
        let uuid = try #require(UUID(uuidString: "0192d3a4-7c1e-7d3a-9d2f-6a1b2c3d4e5f"))
        #expect("7:42".cacheKey == "7:42")
        #expect((-42).cacheKey == "-42" && UInt8.max.cacheKey == "255" && Int128(7).cacheKey == "7")
        #expect(uuid.cacheKey == "0192D3A4-7C1E-7D3A-9D2F-6A1B2C3D4E5F")
        #expect(Folder.inbox.cacheKey == "inbox")
    }

    @Test(arguments: StoreKind.allCases)
    func `entries of a cache have keys of any type`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let users = try oxbow.cache(freshModule(), of: String.self)
            let id = UserID(context: 7, number: 42)
            check(try await users.value(for: id) { "v" }, "v")
            check(try await users.value(for: "7:42"), "v")
            try await users.invalidate(id)
            check(try await users.contains(id), false)
            try await users.set("n", for: 42)
            check(try await users.value(for: "42"), "n")
            check(try await users.update(42) { 1 }.value, 1)
            check(try await users.remainingTimeToLive(for: 42), nil)

            let ids = (1...3).map { UserID(context: 7, number: $0) }
            try await users.set("1", for: ids[0])
            let values = try await users.values(for: ids) { missing in
                Dictionary(uniqueKeysWithValues: missing.dropLast().map { ($0, "\($0.number)") })
            }
            check(values, [ids[0]: "1", ids[1]: "2"])
            check(try await users.value(for: "7:2"), "2")
            try await users.invalidate(ids)
            check(try await users.contains("7:2"), false)
        }
    }

    @Test func `groups have keys of any type`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            let mails = try oxbow.groupedCache(freshModule(), of: String.self)
            check(try await mails.value(for: 1, in: Folder.inbox) { "v" }, "v")
            check(try await mails.value(for: "1", in: "inbox"), "v")
            check(try await mails.values(for: [1, 2], in: Folder.inbox) { _ in [2: "w"] }, [1: "v", 2: "w"])
            try await mails.invalidate(group: Folder.inbox)
            check(try await mails.contains(1, in: Folder.inbox), false)
        }
    }

    @Test func `two keys of one text are an error, and so is an empty text`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let same = await #expect(throws: OxbowError.self) {
                try await cache.values(for: [Ambiguous(number: 1), Ambiguous(number: 2)]) { _ in [:] }
            }
            #expect(same?.code == .invalidKey)
            struct Empty: CacheKey { var cacheKey: String { "" } }
            let empty = await #expect(throws: OxbowError.self) { try await cache.value(for: Empty()) { "v" } }
            #expect(empty?.code == .invalidKey)
        }
    }

    /// A warning, and so an error here, if the result could not be discarded.
    @Test func `the result of an update may be ignored`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let grouped = try oxbow.groupedCache(freshModule(), of: String.self)
            try await cache.update("k") { 1 }
            try await cache.update(["k"]) { 1 }
            try await grouped.update("k", in: "g") { 1 }
            try await grouped.update(["k"], in: "g") { 1 }
        }
    }
}

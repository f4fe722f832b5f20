import NIOCore
import Oxbow
import Synchronization
import Testing

struct User: Codable, Sendable, Equatable {
    var id: Int
    var name: String
}

@Suite struct CacheTests {
    @Test(arguments: StoreKind.allCases)
    func `a value is loaded once and found from then on`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let users = try oxbow.cache(freshModule(), of: User.self)
            let loads = Counter(0)
            for _ in 0..<3 {
                let user = try await users.value(for: "7:42") {
                    loads.increment()
                    return User(id: 42, name: "Ada")
                }
                #expect(user == User(id: 42, name: "Ada"))
            }
            #expect(loads.value == 1)
            #expect(try await users.value(for: "7:42") == User(id: 42, name: "Ada"))
            #expect(try await users.contains("7:42"))
            #expect(try await users.value(for: "7:43") == nil)
            #expect(try await !users.contains("7:43"))
            try await users.invalidate("7:42")
            #expect(try await users.value(for: "7:42") == nil)
            #expect(try await users.remainingTimeToLive(for: "7:42") == nil)
            #expect(users.statistics.hits == 3)
            #expect(users.statistics.loads == 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a group's entries go together and its neighbors stay`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let folders = try oxbow.groupedCache(freshModule(), of: String.self)
            for (key, group) in [("inbox", "7:3"), ("sent", "7:3"), ("inbox", "7:4")] {
                check(try await folders.value(for: key, in: group) { "\(group)/\(key)" }, "\(group)/\(key)")
            }
            try await folders.invalidate("sent", in: "7:3")
            #expect(try await folders.value(for: "sent", in: "7:3") == nil)
            #expect(try await folders.value(for: "inbox", in: "7:3") == "7:3/inbox")
            try await folders.invalidate(group: "7:3")
            #expect(try await folders.value(for: "inbox", in: "7:3") == nil)
            #expect(try await folders.value(for: "inbox", in: "7:4") == "7:4/inbox")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `known absence is remembered and gives way to a value`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let users = try oxbow.cache(freshModule(), of: User.self)
            let loads = Counter(0)
            func absent() async throws -> User? {
                try await users.value(for: "none") { () -> User? in
                    loads.increment()
                    return nil
                }
            }
            #expect(try await absent() == nil)
            #expect(try await absent() == nil)
            #expect(loads.value == 1)
            #expect(try await !users.contains("none"))
            let life = try #require(try await users.remainingTimeToLive(for: "none"))
            #expect(life > .seconds(50) && life <= .seconds(60))
            // A caller that cannot do without loads, and what it loads replaces the absence.
            let made: User = try await users.value(for: "none") { User(id: 1, name: "New") }
            #expect(made.id == 1)
            #expect(try await absent()?.id == 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `lives come from the configuration, the cache and the call`(_ kind: StoreKind) async throws {
        var configuration = patient()
        configuration.timeToLive = .seconds(1000)
        try await withOxbow(kind, cache: configuration) { oxbow async throws in
            let plain = try oxbow.cache(freshModule(), of: String.self)
            let short = try oxbow.groupedCache(
                freshModule(),
                of: String.self,
                options: .init(timeToLive: .seconds(500))
            )
            _ = try await plain.value(for: "a") { "v" }
            _ = try await plain.value(for: "b", timeToLive: .seconds(200)) { "v" }
            _ = try await short.value(for: "a", in: "g") { "v" }
            try await short.set("v", for: "b", in: "g", timeToLive: .milliseconds(100_500))
            for (life, most) in [
                (try await plain.remainingTimeToLive(for: "a"), 1000.0),
                (try await plain.remainingTimeToLive(for: "b"), 200),
                (try await short.remainingTimeToLive(for: "a", in: "g"), 500),
                (try await short.remainingTimeToLive(for: "b", in: "g"), 100.5),
            ] {
                let life = try #require(life)
                #expect(life <= .seconds(most) && life > .seconds(most * 0.94))
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a cache may have a jitter of its own`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let exact = try oxbow.cache(freshModule("exact"), of: String.self, options: .init(jitterPercent: 0))
            let loose = try oxbow.cache(freshModule("loose"), of: String.self, options: .init(jitterPercent: 100))
            var shortest = Duration.seconds(1000)
            for key in 0..<20 {
                try await exact.set("v", for: "\(key)", timeToLive: .seconds(1000))
                try await loose.set("v", for: "\(key)", timeToLive: .seconds(1000))
                #expect(try #require(try await exact.remainingTimeToLive(for: "\(key)")) > .seconds(990))
                shortest = min(shortest, try await loose.remainingTimeToLive(for: "\(key)") ?? .zero)
            }
            // All twenty draws above it: once in 10^6 runs.
            #expect(shortest < .seconds(500))
        }
    }

    @Test func `options that no configuration may have are an error`() throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        let error = try #require(throws: OxbowError.self) {
            try oxbow.cache("a", of: String.self, options: .init(jitterPercent: 101))
        }
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains("cache 'a'") && error.message.contains("jitterPercent"))
        // The name is not used up.
        _ = try oxbow.cache("a", of: Int.self)
    }

    @Test func `an empty name is an error`() throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        let error = try #require(throws: OxbowError.self) { try oxbow.cache("", of: String.self) }
        #expect(error.code == .invalidArgument)
    }

    @Test(arguments: StoreKind.allCases)
    func `versions and modules do not see each other`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let module = freshModule()
            let first = try oxbow.cache(module, of: String.self, version: 1)
            let second = try oxbow.cache(module, of: String.self, version: 2)
            try await first.set("one", for: "k")
            #expect(try await second.value(for: "k") == nil)
            try await second.set("two", for: "k")
            #expect(try await first.value(for: "k") == "one")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a loader's error comes out as it is and is not stored`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            await #expect(throws: TestFailure.self) {
                try await cache.value(for: "k") { () async throws -> String in throw TestFailure("database") }
            }
            // The claim was given back: the next caller loads at once.
            let start = ContinuousClock.now
            check(try await cache.value(for: "k") { "second" }, "second")
            #expect(start.duration(to: .now) < .seconds(2))
            // Stored again a moment after the failure.
            try await expectEventually {
                _ = try await cache.value(for: "k") { "third" }
                return try await cache.contains("k")
            }
        }
    }

    @Test func `a plain and a grouped cache of one name are an error`() throws {
        let oxbow = try Oxbow(inMemory: CacheConfiguration())
        _ = try oxbow.cache("user", of: String.self)
        let error = try #require(throws: OxbowError.self) { try oxbow.groupedCache("user", of: String.self) }
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains("plain") && error.message.contains("grouped"))
        _ = try oxbow.groupedCache("user", of: String.self, version: 2)
    }
}

import Oxbow
import Synchronization
import Testing

@Suite struct RequestScopeTests {
    @Test(arguments: StoreKind.allCases)
    func `a repeated read stays in memory`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                for _ in 0..<5 { check(try await cache.value(for: "k") { "v" }, "v") }
                #expect(try await cache.value(for: "k") == "v")
                async let child = cache.value(for: "k") { "w" }
                #expect(try await child == "v")
            }
            #expect(cache.statistics.scopeHits == 6)
            #expect(cache.statistics.hits == 0)
        }
    }

    @Test func `a scope is invisible to other requests and ends with its body`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let gate = Gate()
            var straggler: Task<String?, any Error>?
            try await oxbow.withRequestScope { () async throws in
                check(try await cache.value(for: "k") { "old" }, "old")
                // Inherits the scope, and outlives it.
                straggler = Task {
                    await gate.pass()
                    return try await cache.value(for: "k")
                }
                await gate.arrival()
                // Another request changes the entry; this one still sees what it has read.
                try await Task.detached { try await cache.set("new", for: "k") }.value
                #expect(try await cache.value(for: "k") == "old")
                check(try await Task.detached { try await cache.value(for: "k") }.value, "new")
            }
            gate.open()
            #expect(try await straggler?.value == "new")
        }
    }

    @Test func `a change made in the scope is seen in it at once`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let groups = try oxbow.groupedCache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                _ = try await cache.value(for: "k") { "1" }
                try await cache.invalidate("k")
                check(try await cache.value(for: "k") { "2" }, "2")
                try await cache.set("3", for: "k")
                #expect(try await cache.value(for: "k") == "3")
                _ = try await groups.value(for: "k", in: "g") { "1" }
                _ = try await groups.value(for: "k", in: "h") { "1" }
                try await groups.invalidate(group: "g")
                check(try await groups.value(for: "k", in: "g") { "2" }, "2")
                check(try await groups.value(for: "k", in: "h") { "2" }, "1")
            }
        }
    }

    /// Rule 9, with the interleaving of the model: the read begins, the invalidation comes and is acknowledged, the
    /// read brings its older value.
    @Test func `a read that began before an invalidation is not remembered`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                let gate = Gate()
                async let early = cache.value(for: "k") {
                    await gate.pass()
                    return "old"
                }
                await gate.arrival()
                try await cache.invalidate("k")
                gate.open()
                #expect(try await early == "old")
                check(try await cache.value(for: "k") { "new" }, "new")
            }
        }
    }

    @Test func `known absence is remembered for those who accept it`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                for _ in 0..<3 { check(try await cache.value(for: "k") { () -> String? in nil }, nil) }
                #expect(cache.statistics.scopeHits == 2)
                let made: String = try await cache.value(for: "k") { "made" }
                #expect(made == "made")
            }
        }
    }

    @Test func `a full scope forgets nothing that matters and stays bounded`() async throws {
        var configuration = patient()
        configuration.requestScopeEntries = 10
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                for index in 0..<20 { _ = try await cache.value(for: "\(index)") { "old" } }
                for index in 0..<20 { _ = try await cache.value(for: "\(index)") { "old" } }
                #expect(cache.statistics.scopeHits == 10)
                for index in 0..<20 { try await cache.invalidate("\(index)") }
                for index in 0..<20 { check(try await cache.value(for: "\(index)") { "new" }, "new") }
            }
        }
    }

    /// Regression: ten thousand values of 16 MiB would have been remembered.
    @Test(arguments: [false, true])
    func `a scope is bounded in bytes, and has room again for what is forgotten`(_ isFound: Bool) async throws {
        var configuration = patient()
        configuration.requestScopeBytes = 450_000
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            let value = String(repeating: "x", count: 100_000)
            // The first one tells how large values are, whether they are found or loaded.
            for index in 0..<(isFound ? 10 : 1) { try await cache.set(value, for: "\(index)") }
            try await oxbow.withRequestScope { () async throws in
                for _ in 0..<2 {
                    for index in 0..<10 { check(try await cache.value(for: "\(index)") { value }, value) }
                }
                #expect(cache.statistics.scopeHits == 4)
                try await cache.invalidate("0")
                for _ in 0..<2 { check(try await cache.value(for: "9") { value }, value) }
                #expect(cache.statistics.scopeHits == 5)
            }
        }
    }

    @Test func `a scope can be turned off`() async throws {
        var configuration = patient()
        configuration.usesRequestScope = false
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: String.self)
            try await oxbow.withRequestScope { () async throws in
                for _ in 0..<3 { _ = try await cache.value(for: "k") { "v" } }
            }
            #expect(cache.statistics.scopeHits == 0)
            #expect(cache.statistics.hits == 2)
        }
    }
}

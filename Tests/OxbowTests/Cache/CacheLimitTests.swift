import MetricsTestKit
import Oxbow
import Testing

/// Each limit of a cache that a caller meets is counted under the name of the setting that raises it.
@Suite(.timeLimit(.minutes(1))) struct CacheLimitTests {
    private let metrics = TestMetrics()

    private func count(_ limit: String) throws -> Int64 {
        let labels = [("name", "redis-pool"), ("limit", limit)]
        return try self.metrics.expectCounter("appsuite_redis_limits_reached_total", labels).totalValue
    }

    @Test func `loads beyond the limit`() async throws {
        var configuration = CacheConfiguration()
        configuration.maximumConcurrentLoads = 1
        configuration.waitForLoad = .milliseconds(50)
        let oxbow = Oxbow(configuration, store: BrokenStore(), logger: silent, metrics: self.metrics)
        let (cache, gate) = try (oxbow.cache("a", of: String.self), Gate())
        async let first = cache.value(for: "first") {
            await gate.pass()
            return "loaded"
        }
        await gate.arrival(1)
        for key in ["second", "third"] {
            let error = await #expect(throws: OxbowError.self) { try await cache.value(for: key) { "loaded" } }
            #expect(error?.code == .tooManyLoads)
        }
        gate.open()
        #expect(try await first == "loaded")
        #expect(try self.count("maximumConcurrentLoads") == 2)
    }

    @Test func `values that are too large, to be stored and as they are found`() async throws {
        let store = MemoryStore()
        var configuration = CacheConfiguration()
        let large = try Oxbow(configuration, store: store, logger: silent).cache("a", of: String.self)
        configuration.maximumValueBytes = 100
        let oxbow = Oxbow(configuration, store: store, logger: silent, metrics: self.metrics)
        let cache = try oxbow.cache("a", of: String.self)
        let text = String(repeating: "x", count: 101)
        #expect(try await cache.value(for: "k") { text } == text)
        #expect(try self.count("maximumValueBytes") == 1)
        let error = await #expect(throws: OxbowError.self) { try await cache.set(text, for: "k") }
        #expect(error?.code == .valueTooLarge)
        #expect(try self.count("maximumValueBytes") == 2)
        try await large.set(text, for: "k")
        #expect(try await cache.value(for: "k") { "small" } == "small")
        #expect(try self.count("maximumValueBytes") == 3)
        #expect(cache.statistics.unusable.tooLarge == 1)
    }

    @Test func `a request scope that is full`() async throws {
        var configuration = CacheConfiguration()
        configuration.requestScopeEntries = 3
        let oxbow = Oxbow(configuration, store: MemoryStore(), logger: silent, metrics: self.metrics)
        let cache = try oxbow.cache("a", of: Int.self)
        try await oxbow.withRequestScope {
            for key in 0..<5 { _ = try await cache.value(for: "\(key)") { key } }
        }
        #expect(try self.count("requestScopeEntries") == 2)
        #expect(try self.count("requestScopeBytes") == 0)
        #expect(cache.statistics.loads == 5)
    }
}

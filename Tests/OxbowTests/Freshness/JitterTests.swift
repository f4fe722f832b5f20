import Oxbow
import RESP
import RedisClient
import Testing

/// Entries that were stored together do not end together.
@Suite(.timeLimit(.minutes(2))) struct JitterTests {
    private static let keys = (0..<20_000).map { "\($0)" }

    /// How many of the cache's entries end in the second in which most do.
    private func peak(_ oxbow: Oxbow, _ options: CacheOptions) async throws -> Int {
        let client = try #require(oxbow.client)
        let module = freshModule("jitter")
        let values = try await oxbow.cache(module, of: String.self, options: options)
            .values(for: Self.keys) { rows($0) }
        #expect(values.count == Self.keys.count)
        let calls = Self.keys.map { RawCommand("PEXPIRETIME", "ox-cache:\(module):1:\($0)", returning: Int.self) }
        var ends: [Int: Int] = [:]
        for end in try await client.execute(pipeline: calls) {
            let end = try end.get()
            #expect(end > 0)
            ends[end / 1000, default: 0] += 1
        }
        return ends.values.max() ?? 0
    }

    @Test func `by default a fiftieth of what would end in one second does, and without jitter all of it`() async throws
    {
        var configuration = patient()
        configuration.journalReplay = .zero
        try await withOxbow(.redis, cache: configuration) { oxbow async throws in
            // They are stored within some seconds.
            let exact = try await self.peak(oxbow, CacheOptions(jitterPercent: 0))
            #expect(exact > Self.keys.count / 10)
            let spread = try await self.peak(oxbow, CacheOptions())
            #expect(spread <= Self.keys.count / 50)
        }
    }
}

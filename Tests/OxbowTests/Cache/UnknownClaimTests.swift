import NIOCore
import Oxbow
import RESP
import RedisClient
import TestServers
import Testing

/// A claim whose answer does not come in time may stand in the cell: nobody may wait for it.
@Suite struct UnknownClaimTests {
    @Test(arguments: [ServerProcess.Kind.redis, .valkey])
    func `a claim that timed out is given back as soon as the server goes on`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = OxbowConfiguration()
        configuration.redis.address = .unix(path: server.unixPath)
        configuration.cache.softTimeout = .milliseconds(100)
        try await withOxbow(configuration) { oxbow async throws in
            let cache = try oxbow.cache("a", of: String.self)
            let client = try #require(oxbow.client)
            #expect(try await cache.value(for: "warm") == nil)
            // Reads are answered, the claim waits.
            _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 400, "WRITE", returning: String.self))
            let first = try await cache.value(for: "k") { "first" }
            #expect(first == "first")
            _ = try await client.execute(RawCommand("CLIENT", "UNPAUSE", returning: String.self))
            let start = ContinuousClock.now
            let second = try await cache.value(for: "k") { "second" }
            #expect(second == "second")
            #expect(start.duration(to: .now) < .seconds(2))
            #expect(try await cache.value(for: "k") == "second")
        }
    }

    @Test func `callers cancelled in the middle of a miss leave nobody waiting`() async throws {
        try await withOxbow(.redis) { oxbow async throws in
            let cache = try oxbow.cache(freshModule(), of: Int.self)
            for round in 0..<300 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<8 {
                        group.addTask {
                            let call = Task { try await cache.value(for: "\(round)") { round } }
                            if index.isMultiple(of: 2) {
                                for _ in 0..<index * 3 { await Task.yield() }
                                call.cancel()
                            }
                            switch await call.result {
                            case .success(let value): #expect(value == round)
                            case .failure(let error):
                                // Only who was cancelled itself.
                                #expect(error is CancellationError && index.isMultiple(of: 2))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}

import MetricsTestKit
import RESP
import RedisClient
import TestServers
import Testing

/// Each limit that a caller meets is counted under the name of the setting that raises it.
@Suite(.timeLimit(.minutes(1))) struct LimitMetricsTests {
    /// Runs `body` with a client that has met no limit yet.
    private func counting(
        _ limit: String,
        _ change: (inout RedisClientConfiguration) -> Void,
        _ body: (RedisClient, _ count: () throws -> Int64) async throws -> Void
    ) async throws {
        var configuration = try await configuration()
        change(&configuration)
        let metrics = TestMetrics()
        try await withClient(configuration, metrics: metrics) { client in
            let count = {
                try metrics.expectCounter("redis_limits_reached_total", [("name", "redis-pool"), ("limit", limit)])
                    .totalValue
            }
            #expect(try count() == 0)
            try await body(client, count)
        }
    }

    @Test func `a queue without room`() async throws {
        try await self.counting("maximumOutstandingCommands") {
            $0.maximumOutstandingCommands = 4
            $0.pool.maximumWait = .milliseconds(100)
        } _: { client, count in
            _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 500, "WRITE", returning: String.self))
            let refused = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        let result = await Task { try await client.execute(SET("limit:\(number)", "")) }.result
                        guard case .failure(let error) = result else { return false }
                        return (error as? RedisError)?.code == .queueFull
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(refused == 8)
            #expect(try count() == 8)
        }
    }

    @Test func `a command that is too large`() async throws {
        try await self.counting("maximumCommandBytes") {
            $0.maximumCommandBytes = 1000
        } _: { client, count in
            for _ in 0..<3 {
                await #expect(throws: RedisError.self) {
                    try await client.execute(SET("limit", String(repeating: "x", count: 1000)))
                }
            }
            try await client.withConnection { connection async throws in
                _ = await #expect(throws: RedisError.self) {
                    try await connection.execute(SET("limit", String(repeating: "x", count: 1000)))
                }
            }
            #expect(try count() == 4)
        }
    }

    @Test func `a reply that is too large`() async throws {
        try await self.counting("replyLimits") {
            $0.replyLimits.maximumBulkBytes = 5000
        } _: { client, count in
            _ = try await client.execute(SET("limit:large", String(repeating: "x", count: 5001)))
            await #expect(throws: RedisError.self) { try await client.execute(GET("limit:large", as: String.self)) }
            #expect(try count() == 1)
        }
    }

    @Test func `a pool without a free connection`() async throws {
        try await self.counting("pool.maximumTotal") {
            $0.pool.maximumTotal = 2
            $0.pool.maximumWait = .milliseconds(50)
        } _: { client, count in
            try await client.withConnection { _ async throws in
                for _ in 0..<2 {
                    let error = await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
                    #expect(error?.code == .noFreeConnection)
                }
            }
            #expect(try count() == 2)
        }
    }

    @Test func `messages that nobody takes`() async throws {
        try await self.counting("maximumWaitingEvents") { _ in
        } _: { client, count in
            var small = RedisSubscriptionConfiguration()
            small.maximumWaitingEvents = 3
            try await client.withSubscription(to: ["limit:flood"], configuration: small) { slow in
                var iterator = slow.makeAsyncIterator()
                try await expect(&iterator, .inForce)
                for number in 0..<10 { _ = try await client.execute(PUBLISH("limit:flood", "\(number)")) }
                try await eventually("messages are dropped") { client.statistics.droppedMessages > 0 }
                #expect(try count() == Int64(client.statistics.droppedMessages))
            }
        }
    }
}

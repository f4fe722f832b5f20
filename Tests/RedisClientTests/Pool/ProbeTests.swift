import CoreMetrics
import Foundation
import Logging
import MetricsTestKit
import RESP
import RedisClient
import TestServers
import Testing

/// Connections whose other end is gone without a word; and what the pool tells of itself.
@Suite struct ProbeTests {
    /// A stopped server keeps its sockets open and never answers: what a half-open connection looks like from here.
    @Test func `silent connections, shared and idle, are retired within two pauses, and replaced`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.cleanerPause = .milliseconds(400)
        configuration.connectTimeout = .milliseconds(300)
        try await withClient(configuration) { client async throws in
            try await client.withConnection { _ in }
            #expect(client.poolStatistics.idle == 1)
            server.signal(SIGSTOP)
            let start = ContinuousClock.now
            while client.server != nil || client.poolStatistics.total > 1 {
                try await Task.sleep(for: .milliseconds(5))
                if start.duration(to: .now) > .seconds(5) { break }
            }
            let elapsed = start.duration(to: .now)
            server.signal(SIGCONT)
            #expect(elapsed < .milliseconds(2 * 400 + 300))
            #expect(client.poolStatistics.total == 1)
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
            try await client.withConnection { connection in
                _ = try await connection.execute(RawCommand("PING", returning: String.self))
            }
        }
    }

    @Test func `commands in flight on a connection that falls silent end by their deadline`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.cleanerPause = .milliseconds(400)
        configuration.commandTimeout = .milliseconds(300)
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            server.signal(SIGSTOP)
            let start = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        // Half of them may be sent again, to no avail.
                        await #expect(throws: RedisError.self) {
                            let read = RawCommand("GET", "k", returning: String?.self, isIdempotent: true)
                            let write = RawCommand("GETDEL", "k", returning: String?.self)
                            _ = try await client.execute(number % 2 == 0 ? read : write)
                        }
                    }
                }
            }
            let elapsed = start.duration(to: .now)
            #expect(elapsed > .milliseconds(290))
            #expect(elapsed < .milliseconds(700))
            while client.server != nil { try await Task.sleep(for: .milliseconds(5)) }
            #expect(start.duration(to: .now) < .milliseconds(2 * 400 + 300))
            server.signal(SIGCONT)
            #expect(
                try await client.execute(RawCommand("PING", returning: String.self), timeout: .seconds(5)) == "PONG"
            )
        }
    }

    @Test func `a slow command with a deadline of its own survives the probes`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.cleanerPause = .milliseconds(100)
        try await withClient(configuration) { client async throws in
            let slow = RawCommand("DEBUG", "SLEEP", "0.8", returning: String.self)
            #expect(try await client.execute(slow, timeout: .seconds(10)) == "OK")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `gauges show active, idle, waiting and all connections`() async throws {
        var configuration = try await configuration()
        configuration.pool.maximumTotal = 2
        configuration.metricsPrefix = "app"
        configuration.poolName = "some-pool"
        let metrics = TestMetrics()
        func figures() throws -> [Double?] {
            try ["active", "idle", "waiters", "total"]
                .map { name in
                    try metrics.expectGauge("app_connections_num_\(name)", [("name", "some-pool")]).lastValue
                }
        }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let client = RedisClient(configuration, logger: logger, metrics: metrics)
        try client.prepareToRun()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.runPrepared() }
            defer { group.cancelAll() }
            let other = try await client.withConnection { _ in
                let inUse = try figures()
                #expect(inUse == [1, 0, 0, 2])
                let other = Task { try await client.withConnection { _ in } }
                while client.poolStatistics.waiters == 0 { await Task.yield() }
                let waiting = try figures()
                #expect(waiting == [1, 0, 1, 2])
                return other
            }
            try await other.value
            let idle = try figures()
            #expect(idle == [0, 1, 0, 2])
        }
        let ended = try figures()
        #expect(ended == [0, 0, 0, 0])
    }
}

import Foundation
import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// Exclusive connections against real servers.
@Suite struct PoolTests {
    private func list(_ client: RedisClient) async throws -> Int {
        try await client.execute(RawCommand("CLIENT", "LIST", returning: String.self))
            .split(separator: "\n").count { $0.contains("lib-name=oxbow") }
    }

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `a blocking command takes a connection of its own and delays nobody`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "list:\(UInt64.random(in: 0 ... .max))"
            let blocked = Task { try await client.execute(BLPOP([key], upTo: .seconds(10), as: (String, String).self)) }
            while client.poolStatistics.active == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let start = ContinuousClock.now
            for _ in 0..<100 { _ = try await client.execute(GET(key + "x", as: String.self)) }
            #expect(start.duration(to: .now) < .seconds(2))
            _ = try await client.execute(RawCommand("RPUSH", key, "first", returning: Int.self))
            let popped = try #require(try await blocked.value)
            #expect(popped.key == key)
            #expect(popped.value == "first")
            let after = client.poolStatistics
            #expect(after.active == 0)
            #expect(after.idle == 1)
            #expect(after.total == 2)
            let nothing = try await client.execute(BLPOP([key], upTo: .milliseconds(30), as: (String, String).self))
            #expect(nothing == nil)
            // The same connection again.
            #expect(client.poolStatistics.idle == 1)
        }
    }

    @Test func `a cancelled blocking command gives its connection up, and the server takes nothing for it`()
        async throws
    {
        try await withClient(configuration()) { client async throws in
            let key = "list:\(UInt64.random(in: 0 ... .max))"
            let blocked = Task { try await client.execute(BLPOP([key], upTo: nil, as: (String, String).self)) }
            while client.poolStatistics.active == 0 { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(50))
            blocked.cancel()
            await #expect(throws: CancellationError.self) { _ = try await blocked.value }
            while client.poolStatistics.total > 1 { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(50))
            _ = try await client.execute(RawCommand("RPUSH", key, "kept", returning: Int.self))
            let left = try await client.execute(LRANGE(key, as: String.self))
            #expect(left == ["kept"])
        }
    }

    @Test(arguments: [2, 4])
    func `the most connections are never exceeded, and those who wait are served in order`(total: Int) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.maximumTotal = total
        configuration.pool.maximumWait = .seconds(20)
        try await withClient(configuration) { client async throws in
            let most = Mark()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        try await client.withConnection { connection in
                            await most.enter(number)
                            _ = try await connection.execute(RawCommand("PING", returning: String.self))
                            try await Task.sleep(for: .milliseconds(20))
                            await most.leave()
                        }
                    }
                    // One after another in the line.
                    while await most.count + client.poolStatistics.waiters <= number { await Task.yield() }
                }
                try await group.waitForAll()
            }
            #expect(await most.highest == total - 1)
            // With several at a time, who was served first may still be the second to go on.
            if total == 2 { #expect(await most.order == Array(0..<12)) }
            #expect(try await self.list(client) == total)
        }
    }

    @Test func `who waits too long gets an error that says so`() async throws {
        var configuration = try await configuration()
        configuration.pool.maximumTotal = 2
        configuration.pool.maximumWait = .milliseconds(200)
        try await withClient(configuration) { client async throws in
            try await client.withConnection { _ in
                let start = ContinuousClock.now
                let error = await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
                let waited = start.duration(to: .now)
                #expect(error?.code == .noFreeConnection)
                #expect(error?.delivery == .notSent)
                #expect(waited > .milliseconds(190))
                #expect(waited < .milliseconds(1500))
                #expect(client.poolStatistics.waiters == 0)
            }
            let waiting = try await client.withConnection { _ in
                let task = Task { try await client.withConnection { _ in } }
                while client.poolStatistics.waiters == 0 { await Task.yield() }
                task.cancel()
                return task
            }
            await #expect(throws: CancellationError.self) { try await waiting.value }
            #expect(client.poolStatistics.active == 0)
        }
    }

    @Test func `a connection goes back as it was, or not at all`() async throws {
        try await withClient(configuration()) { client async throws in
            let id = RawCommand("CLIENT", "ID", returning: Int.self)
            let first = try await client.withConnection { try await $0.execute(id) }
            let second = try await client.withConnection { try await $0.execute(id) }
            #expect(first == second)
            // SELECT changes it, a watch is left, a reply is outstanding: closed each time.
            try await client.withConnection { connection in
                let again = try await connection.execute(id)
                #expect(again == first)
                _ = try await connection.execute(RawCommand("SELECT", 1, returning: String.self))
            }
            let third = try await client.withConnection { connection in
                try await connection.watch(["k"])
                return try await connection.execute(id)
            }
            #expect(third != first)
            let fourth = try await client.withConnection { connection in
                let number = try await connection.execute(id)
                let error = await #expect(throws: RedisError.self) {
                    try await connection.execute(
                        RawCommand("DEBUG", "SLEEP", "0.2", returning: String.self),
                        timeout: .milliseconds(50)
                    )
                }
                #expect(error?.code == .timeout)
                return number
            }
            #expect(fourth != third)
            let fifth = try await client.withConnection { try await $0.execute(id) }
            #expect(fifth != fourth)
            // The shared connection has seen nothing of SELECT.
            let kept = try await client.withConnection { $0 }
            let error = await #expect(throws: RedisError.self) { try await kept.execute(id) }
            #expect(error?.code == .notRunning)
        }
    }

    @Test func `idle connections are closed after their time, those to be kept ready are made`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.minimumIdle = 2
        configuration.pool.minimumIdleTime = .milliseconds(200)
        configuration.pool.cleanerPause = .milliseconds(100)
        try await withClient(configuration) { client async throws in
            while client.poolStatistics.idle < 2 { try await Task.sleep(for: .milliseconds(5)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        try await client.withConnection { _ in try await Task.sleep(for: .milliseconds(50)) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.poolStatistics.total == 7)
            while client.poolStatistics.total > 3 { try await Task.sleep(for: .milliseconds(5)) }
            // The server may notice a moment later.
            for _ in 0..<100 where try await self.list(client) > 3 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await self.list(client) == 3)
            // The shared one is never closed for idleness.
            #expect(client.statistics.connects == 1)
            try server.cli("CLIENT", "KILL", "TYPE", "normal")
            while client.poolStatistics.idle < 2 || client.statistics.connects < 2 {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test func `more connections than the server allows: waiters get its words, the rest goes on`() async throws {
        let server = try await ServerProcess.start(settings: ["maxclients 3"])
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.pool.maximumWait = .milliseconds(500)
        try await withClient(configuration) { client async throws in
            try await client.withConnection { first in
                try await client.withConnection { second in
                    await withTaskGroup(of: Void.self) { group in
                        for _ in 0..<20 {
                            group.addTask {
                                let error = await #expect(throws: RedisError.self) {
                                    try await client.withConnection { _ in }
                                }
                                #expect(error?.code == .cannotConnect)
                                let message = error?.message ?? ""
                                #expect(message.contains("max number of clients"))
                            }
                        }
                    }
                    let info = try await client.execute(RawCommand("INFO", "stats", returning: String.self))
                    let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("rejected_connections:") }
                    let attempts = line.flatMap { Int($0.split(separator: ":")[1]) } ?? -1
                    // One at a time with growing pauses, not twenty at once.
                    #expect(attempts >= 1)
                    #expect(attempts < 25)
                    _ = try await first.execute(RawCommand("PING", returning: String.self))
                    _ = try await second.execute(RawCommand("PING", returning: String.self))
                    _ = try await client.execute(GET("k", as: String.self))
                }
            }
        }
    }

    @Test func `without run(), and after it, no connection is given`() async throws {
        let client = RedisClient(try await configuration())
        let before = await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
        #expect(before?.code == .notRunning)
        let ended = try await withClient(configuration()) { client in
            try await client.withConnection { _ in }
            return client
        }
        let after = await #expect(throws: RedisError.self) { try await ended.withConnection { _ in } }
        #expect(after?.code == .shutDown)
        #expect(ended.poolStatistics.idle == 0)
    }
}

/// How many are inside at once, and in which order they came.
private actor Mark {
    private var inside = 0
    private(set) var highest = 0
    private(set) var order: [Int] = []
    var count: Int { self.order.count }

    func enter(_ number: Int) {
        self.inside += 1
        self.highest = max(self.highest, self.inside)
        self.order.append(number)
    }

    func leave() { self.inside -= 1 }
}

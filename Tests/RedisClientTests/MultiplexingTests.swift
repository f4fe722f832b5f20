import NIOCore
import RedisClient
import RESP
import Seeded
import Testing
import TestServers

/// Promise 1: a caller gets its own reply, an error, or nothing.
@Suite struct MultiplexingTests {
    @Test(arguments: [1, 50])
    func `all tasks share one connection`(_ tasks: Int) async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<tasks {
                    group.addTask {
                        for _ in 0..<20 { _ = try await client.execute(GET("k", as: String.self)) }
                    }
                }
                try await group.waitForAll()
            }
            let list = try await client.execute(RawCommand("CLIENT", "LIST", returning: String.self))
            check(list.split(separator: "\n").count { $0.contains("lib-name=oxbow") }, 1)
            #expect(client.statistics.connects == 1)
            #expect(client.statistics.commands == UInt64(tasks * 20 + 1))
        }
    }

    @Test func `commands of many tasks go out in batches`() async throws {
        try await withClient(configuration()) { client async throws in
            // While the server's replies are on their way, others submit: far fewer flushes than commands.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        for _ in 0..<20 { _ = try await client.execute(GET("batches", as: String.self)) }
                    }
                }
                try await group.waitForAll()
            }
            let statistics = client.statistics
            #expect(statistics.commands == 4000)
            #expect(statistics.flushes < statistics.commands / 2)
        }
    }

    /// Callers give up at random moments, by time-out or cancellation, while the
    /// server stumbles; every value names its key.
    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `replies are never crossed when callers give up`(_ name: SharedServers.Name) async throws {
        let run = UInt64.random(in: 0 ... .max)
        try await withClient(configuration(name)) { client async throws in
            for index in 0..<100 { _ = try await client.execute(SET("cross:\(run):\(index)", "v\(index)")) }
            let stumbling = Task {
                while !Task.isCancelled {
                    _ = try? await client.execute(RawCommand("DEBUG", "SLEEP", "0.003", returning: String.self))
                }
            }
            let outcomes = try await withThrowingTaskGroup(of: (answered: Int, gaveUp: Int).self) { group in
                for worker in 0..<40 {
                    group.addTask {
                        var random = SeededGenerator(seed: UInt64(worker))
                        var (answered, gaveUp) = (0, 0)
                        for _ in 0..<150 {
                            let index = Int.random(in: 0..<100, using: &random)
                            let micros = Int.random(in: 0..<12_000, using: &random)
                            let call = Task {
                                let key = "cross:\(run):\(index)"
                                let timeout: Duration? = micros.isMultiple(of: 2) ? .microseconds(micros * 4) : nil
                                return try await client.execute(GET(key, as: String.self), timeout: timeout)
                            }
                            if micros.isMultiple(of: 3) { call.cancel() }
                            if micros.isMultiple(of: 5) {
                                await Task.yield()
                                call.cancel()
                            }
                            switch await call.result {
                            case .success(let value):
                                #expect(value == "v\(index)")
                                answered += 1
                            case .failure(let error):
                                #expect(error is CancellationError || (error as? RedisError)?.code == .timeout)
                                gaveUp += 1
                            }
                        }
                        return (answered, gaveUp)
                    }
                }
                return try await group.reduce(into: (0, 0)) { $0 = ($0.0 + $1.answered, $0.1 + $1.gaveUp) }
            }
            stumbling.cancel()
            _ = await stumbling.value
            #expect(outcomes.0 > 100 && outcomes.1 > 100, "\(outcomes)")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a timed-out command leaves its neighbors and the connection alone`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 700, "ALL", returning: String.self))
            async let patient = client.execute(GET("k", as: String.self))
            let start = ContinuousClock.now
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("INCR", "n", returning: Int.self), timeout: .milliseconds(100))
            }
            let waited = start.duration(to: .now)
            #expect(error?.code == .timeout)
            #expect(error?.delivery == .unknown)
            #expect(waited >= .milliseconds(95) && waited < .milliseconds(600))
            #expect(try await patient == "v")
            // The abandoned command was carried out; its reply was nobody's.
            #expect(try await client.execute(RawCommand("INCR", "n", returning: Int.self)) == 2)
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a cancelled command ends at once and leaves its neighbors alone`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 1000, "ALL", returning: String.self))
            async let neighbor = client.execute(GET("k", as: String.self))
            let call = Task { try await client.execute(GET("other", as: String.self)) }
            let start = ContinuousClock.now
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            #expect(start.duration(to: .now) < .milliseconds(700))
            #expect(try await neighbor == "v")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a full queue makes callers wait, then refuses them, and recovers`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.maximumOutstandingCommands = 10
        configuration.pool.maximumWait = .milliseconds(200)
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            _ = try await client.execute(RawCommand("CLIENT", "PAUSE", 1000, "ALL", returning: String.self))
            let results = await withTaskGroup(of: Result<String?, any Error>.self) { group in
                for _ in 0..<20 {
                    group.addTask { await Task { try await client.execute(GET("k", as: String.self)) }.result }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let refused = results.compactMap { result -> RedisError? in
                guard case .failure(let error) = result else { return nil }
                return error as? RedisError
            }
            #expect(refused.count == 10)
            check(refused.allSatisfy { $0.code == .queueFull && $0.delivery == .notSent }, true)
            // Callers that find it full for a moment only just wait.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<15 { group.addTask { _ = try await client.execute(GET("k", as: String.self)) } }
                try await group.waitForAll()
            }
        }
    }

    @Test func `a command that is too large is refused and nothing of it is sent`() async throws {
        var configuration = try await configuration()
        configuration.maximumCommandBytes = 1000
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(SET("k", String(repeating: "x", count: 1000)))
            }
            #expect(error?.code == .commandTooLarge)
            #expect(error?.delivery == .notSent)
            #expect(try await client.execute(RawCommand("ECHO", "still here", returning: String.self)) == "still here")
        }
    }
}

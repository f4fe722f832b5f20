import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// Tasks that run on the connection's event loop.
@Suite struct EventLoopExecutorTests {
    @Test func `tasks and their children run on the loop, before and after each command`() async throws {
        try await withClient(configuration()) { client async throws in
            let executor = client.eventLoopExecutor
            let loop = executor.eventLoop
            #expect(!loop.inEventLoop)
            try await withTaskExecutorPreference(executor) {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for task in 0..<20 {
                        group.addTask {
                            var outside = loop.inEventLoop ? 0 : 1
                            for round in 0..<50 {
                                let key = "loop:\(task):\(round)"
                                let (set, value) = try await client.execute(
                                    pipeline: SET(key, key),
                                    GET(key, as: String.self)
                                )
                                check(try set.get(), "OK")
                                check(try value.get(), key)
                                if !loop.inEventLoop { outside += 1 }
                            }
                            return outside
                        }
                    }
                    let outside = try await group.reduce(0, +)
                    #expect(outside == 0)
                }
            }
            #expect(!loop.inEventLoop)
        }
    }

    /// What the executor is for: replies that come together make commands that leave together.
    @Test func `commands of tasks on the loop leave in batches`() async throws {
        try await withClient(configuration()) { client async throws in
            _ = try await client.execute(PING())
            let before = client.statistics
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask(executorPreference: client.eventLoopExecutor) {
                        for _ in 0..<100 { _ = try await client.execute(PING()) }
                    }
                }
                try await group.waitForAll()
            }
            let commands = client.statistics.commands - before.commands
            let flushes = client.statistics.flushes - before.flushes
            #expect(commands == 5000)
            #expect(flushes < commands / 10)
        }
    }

    @Test func `tasks that are always ready do not keep the loop from its sockets and clocks`() async throws {
        try await withClient(configuration()) { client async throws in
            let spinning = Task(executorPreference: client.eventLoopExecutor) {
                while !Task.isCancelled { await Task.yield() }
            }
            defer { spinning.cancel() }
            for round in 0..<50 {
                let text = try await client.execute(ECHO("round \(round)"), timeout: .seconds(2))
                #expect(text == "round \(round)")
            }
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(
                    RawCommand("DEBUG", "SLEEP", "0.3", returning: String.self),
                    timeout: .milliseconds(60)
                )
            }
            #expect(error?.code == .timeout)
        }
    }

    @Test func `a task on the loop is cancelled like any other`() async throws {
        try await withClient(configuration()) { client async throws in
            let started = ContinuousClock.now
            let call = Task(executorPreference: client.eventLoopExecutor) {
                try await client.execute(RawCommand("DEBUG", "SLEEP", "0.5", returning: String.self))
            }
            try await Task.sleep(for: .milliseconds(50))
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            // Seen by the next tick.
            #expect(started.duration(to: .now) < .milliseconds(150))
            #expect(try await client.execute(PING()) == "PONG")
        }
    }
}

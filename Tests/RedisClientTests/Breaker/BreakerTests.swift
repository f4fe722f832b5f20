import Logging
import MetricsTestKit
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// The circuit breaker of a client, with servers that hang, are absent, refuse or cut connections.
@Suite(.timeLimit(.minutes(1))) struct BreakerTests {
    private func configuration(_ server: ServerProcess, delay: Duration = .seconds(60)) -> RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.address = .unix(path: server.unixPath)
        configuration.commandTimeout = .milliseconds(200)
        configuration.breaker = CircuitBreakerConfiguration()
        configuration.breaker?.failureThreshold = 3
        configuration.breaker?.delay = delay
        return configuration
    }

    private let ping = RawCommand("PING", returning: String.self, isIdempotent: true)

    /// The codes of calls, one after another.
    private func codes(_ client: RedisClient, _ count: Int, timeout: Duration? = nil) async -> [RedisError.Code?] {
        var codes: [RedisError.Code?] = []
        for _ in 0..<count {
            do {
                _ = try await client.execute(self.ping, timeout: timeout)
                codes.append(nil)
            } catch {
                codes.append((error as? RedisError)?.code)
            }
        }
        return codes
    }

    /// What a caller of a server that hangs gets.
    ///
    /// With the first time-out the connection goes, and whoever came a moment later loses it.
    private static func isOfHungServer(_ code: RedisError.Code?) -> Bool {
        code == .timeout || code == .connectionClosed
    }

    /// The codes of calls at once.
    private func codesAtOnce(
        _ client: RedisClient,
        _ count: Int,
        _ command: RawCommand<String>? = nil,
        timeout: Duration? = nil
    ) async -> [RedisError.Code?] {
        await withTaskGroup(of: RedisError.Code?.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do { _ = try await client.execute(command ?? self.ping, timeout: timeout) } catch {
                        return (error as? RedisError)?.code
                    }
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test func `a server that hangs is left alone, tried again, and used when it answers`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let (log, metrics) = (LogRecorder(), TestMetrics())
        let client = RedisClient(
            self.configuration(server, delay: .seconds(1)),
            logger: log.logger,
            metrics: metrics
        )
        let labels = [("name", "redis-pool"), ("host", "unix:\(server.unixPath)")]
        func states() throws -> [Double?] {
            try ["closed", "open", "half_open"]
                .map { try metrics.expectGauge("circuitbreaker_state", labels + [("state", $0)]).lastValue }
        }
        try client.prepareToRun()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.runPrepared() }
            defer { group.cancelAll() }
            #expect(await self.codes(client, 2) == [nil, nil])
            #expect(try states() == [1, 0, 0])
            server.pause()
            #expect(await self.codesAtOnce(client, 3).allSatisfy(Self.isOfHungServer))
            #expect(try states() == [0, 1, 0])
            let sent = client.statistics.commands
            let start = ContinuousClock.now
            let error = await #expect(throws: RedisError.self) { _ = try await client.execute(self.ping) }
            #expect(error?.code == .circuitOpen && error?.delivery == .notSent)
            #expect(Self.isOfHungServer((error?.cause as? RedisError)?.code))
            await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
            #expect(await self.codes(client, 50) == Array(repeating: .circuitOpen, count: 50))
            #expect(start.duration(to: .now) < .milliseconds(100))
            #expect(client.statistics.commands == sent)
            #expect(try metrics.expectCounter("circuitbreaker_denials_total", labels).totalValue == 52)
            // Still hung when it is tried again: one failure is enough.
            try await Task.sleep(for: .milliseconds(1100))
            let again = await self.codes(client, 2)
            #expect([.timeout, .cannotConnect].contains(again[0]) && again[1] == .circuitOpen)
            server.resume()
            #expect(await self.codes(client, 1) == [.circuitOpen])
            try await Task.sleep(for: .milliseconds(1100))
            #expect(await self.codes(client, 1) == [nil])
            #expect(try states() == [0, 0, 1])
            #expect(await self.codes(client, 5) == [nil, nil, nil, nil, nil])
            #expect(try states() == [1, 0, 0])
            #expect(try metrics.expectCounter("circuitbreaker_opens_total", labels).totalValue == 2)
        }
        let said = [Logger.Level.warning, .notice]
            .map { level in
                log.messages(at: level).filter { $0.contains("circuit breaker") }
            }
        // The notices contain the warnings.
        #expect(said.map(\.count) == [2, 3])
        #expect(said[0].allSatisfy { $0.contains("open") && $0.contains(server.unixPath) && $0.contains("error") })
    }

    @Test func `one that is turned off counts nothing that was on its way`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let (log, metrics) = (LogRecorder(), TestMetrics())
        try await FaultProxy.withProxy(to: server.upstream) { proxy async throws in
            var configuration = self.configuration(server)
            configuration.address = .host(proxy.host, port: proxy.port)
            configuration.commandTimeout = .seconds(5)
            let before = configuration
            try await withClient(configuration, logger: log.logger, metrics: metrics) { client async throws in
                #expect(await self.codes(client, 1) == [nil])
                server.pause()
                let set = RawCommand("SET", "breaker:off", "v", returning: String.self)
                let sent = client.statistics.commands
                async let cut = self.codesAtOnce(client, 3, set)
                try await eventually("all are on their way") { client.statistics.commands == sent + 3 }
                var configuration = before
                configuration.breaker = nil
                try client.reconfigure(configuration)
                proxy.resetConnections()
                #expect(await cut == [.connectionClosed, .connectionClosed, .connectionClosed])
                server.resume()
                #expect(await self.codes(client, 1) == [nil])
                #expect(log.messages(at: .warning).filter { $0.contains("breaker") } == [])
                let labels = [("name", "redis-pool"), ("host", "\(proxy.host):\(proxy.port)"), ("state", "open")]
                #expect(try metrics.expectGauge("circuitbreaker_state", labels).lastValue == 0)
            }
        }
    }

    @Test func `an absent server opens it, and so do connections that are lost`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await FaultProxy.withProxy(to: server.upstream) { proxy async throws in
            var configuration = self.configuration(server)
            configuration.address = .host(proxy.host, port: proxy.port)
            configuration.commandTimeout = .seconds(5)
            try await withClient(configuration) { client async throws in
                #expect(await self.codes(client, 1) == [nil])
                server.pause()
                let set = RawCommand("SET", "breaker:cut", "v", returning: String.self)
                let sent = client.statistics.commands
                async let cut = self.codesAtOnce(client, 3, set)
                try await eventually("all are on their way") { client.statistics.commands == sent + 3 }
                proxy.resetConnections()
                #expect(await cut == [.connectionClosed, .connectionClosed, .connectionClosed])
                #expect(await self.codes(client, 1) == [.circuitOpen])
                server.resume()
            }
            try await proxy.refuse()
            configuration.commandTimeout = .milliseconds(100)
            try await withClient(configuration) { client async throws in
                let codes = await self.codes(client, 4)
                #expect(codes == [.cannotConnect, .cannotConnect, .cannotConnect, .circuitOpen])
            }
        }
    }

    @Test func `answers, cancellations, haste and what is not to be counted do not open it`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(self.configuration(server)) { client async throws in
            let wrong = RawCommand("NOSUCHCOMMAND", returning: String.self)
            for _ in 0..<5 { await #expect(throws: RedisError.self) { _ = try await client.execute(wrong) } }
            // In a row: the others are successes.
            for _ in 0..<5 {
                await #expect(throws: RedisError.self) {
                    try await client.withConnection { _ = try await $0.execute(wrong) }
                }
            }
            server.pause()
            let hasty = await self.codesAtOnce(client, 5, timeout: .milliseconds(20))
            #expect(hasty == Array(repeating: .timeout, count: 5))
            for _ in 0..<5 {
                let task = Task { try await client.execute(self.ping, timeout: .seconds(60)) }
                try await Task.sleep(for: .milliseconds(5))
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
            }
            server.resume()
            #expect(await self.codes(client, 2, timeout: .seconds(5)) == [nil, nil])
        }
        var configuration = self.configuration(server)
        configuration.breaker?.countsTimeouts = false
        for configuration in [
            configuration,
            {
                var none = $0
                none.breaker = nil
                return none
            }(configuration),
        ] {
            try await withClient(configuration) { client async throws in
                #expect(await self.codes(client, 1) == [nil])
                server.pause()
                #expect(await self.codesAtOnce(client, 5).allSatisfy(Self.isOfHungServer))
                server.resume()
                #expect(await self.codes(client, 1, timeout: .seconds(5)) == [nil])
            }
        }
    }

    @Test func `a command that blocks does not hold the breaker half-open for the others`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = self.configuration(server, delay: .seconds(1))
        configuration.breaker?.successThreshold = 1
        try await withClient(configuration) { client async throws in
            #expect(await self.codes(client, 1) == [nil])
            server.pause()
            #expect(await self.codesAtOnce(client, 3).allSatisfy(Self.isOfHungServer))
            server.resume()
            try await Task.sleep(for: .milliseconds(1100))
            let pop = BLPOP(["breaker:list"], upTo: nil, as: (String, String).self)
            async let popped = client.execute(pop, timeout: .seconds(20))
            let end = ContinuousClock.now + .seconds(20)
            while client.poolStatistics.active == 0, ContinuousClock.now < end { await Task.yield() }
            let push = RawCommand("RPUSH", "breaker:list", "x", returning: Int.self)
            #expect(try await client.execute(push, timeout: .seconds(5)) == 1)
            #expect(try await popped?.value == "x")
            #expect(await client.health().breaker == .closed)
        }
    }

    @Test func `the masters are asked also while it is open`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(self.configuration(server)) { client async throws in
            #expect(await self.codes(client, 1) == [nil])
            server.pause()
            _ = await self.codes(client, 3)
            server.resume()
            #expect(await self.codes(client, 1) == [.circuitOpen])
            let master = try #require(client.masters.first)
            let info = RawCommand<RESPValue>("INFO", "server", "replication")
            let answers = try await client.send([info], to: master.address, timeout: .seconds(5))
            #expect(client.note(info: answers[0]) != nil)
            #expect(await self.codes(client, 1) == [.circuitOpen])
        }
    }

    @Test(
        arguments: [
            { $0.failureThreshold = 0 }, { $0.failureExecutions = -1 }, { $0.successThreshold = 0 },
            { $0.successExecutions = 1_000_001 }, { $0.delay = .milliseconds(-1) },
        ] as [@Sendable (inout CircuitBreakerConfiguration) -> Void]
    )
    func `a setting that cannot work is refused`(_ change: @Sendable (inout CircuitBreakerConfiguration) -> Void) async
    {
        var configuration = RedisClientConfiguration()
        var breaker = CircuitBreakerConfiguration()
        change(&breaker)
        configuration.breaker = breaker
        let client = RedisClient(configuration)
        let error = await #expect(throws: RedisError.self) { try await client.run() }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("breaker.") == true)
    }
}

import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// The server answers late, or so slowly that no answer is ever complete.
@Suite(.timeLimit(.minutes(1))) struct SlowServerTests {
    private let timeout = Duration.milliseconds(150)

    /// Callers who each ask for their own value, one of ten.
    private func call(_ client: RedisClient, _ key: String, _ count: Int) async -> [(Int, Ending<String?>)] {
        await withTaskGroup(of: (Int, Ending<String?>).self) { group in
            for number in 0..<count {
                group.addTask {
                    let get = GET("\(key):\(number % 10)", as: String.self)
                    return (number, await Ending { try await client.execute(get, timeout: self.timeout) })
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func prepare(_ client: RedisClient) async throws -> String {
        let key = "slow:\(UInt64.random(in: 0 ... .max))"
        for number in 0..<10 {
            _ = try await client.execute(SET("\(key):\(number)", "value \(number)", milliseconds: 60_000))
        }
        return key
    }

    @Test func `deadlines hold while the latency rises and falls`() async throws {
        try await withProxy { proxy async throws in
            try await withClient(proxy.configuration) { client async throws in
                let key = try await self.prepare(client)
                try await Stalls.measured { stalls async throws in
                    for latency in [0, 40, 80, 120, 160, 220, 300, 220, 80, 0] {
                        proxy.set(.delay(replies: .milliseconds(latency)))
                        for (number, ending) in await self.call(client, key, 20) {
                            if let value = ending.value {
                                #expect(value == "value \(number % 10)")
                                #expect(ending.duration >= .milliseconds(latency) - .milliseconds(5))
                                #expect(ending.duration < self.timeout + .milliseconds(70) + stalls.longest * 2)
                            } else {
                                #expect(ending.error?.code == .timeout)
                                checkEndedAt(self.timeout, ending.duration, stalls)
                            }
                            if latency > 200 { #expect(ending.error != nil) }
                        }
                    }
                }
                // What was late is gone: everybody is served again, over the same connection.
                try await Task.sleep(for: .milliseconds(300))
                for (number, ending) in await self.call(client, key, 20) {
                    check(ending.value, "value \(number % 10)")
                }
                #expect(client.statistics.connects == 1)
            }
        }
    }

    @Test func `deadlines hold while the server sleeps`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try await withClient(configuration(for: server)) { client async throws in
            let key = try await self.prepare(client)
            try await Stalls.measured { stalls async throws in
                let sleep = RawCommand("DEBUG", "SLEEP", "0.5", returning: String.self)
                async let sleeping = client.execute(sleep)
                async let patient = client.execute(GET("\(key):3", as: String.self))
                try await Task.sleep(for: .milliseconds(50))
                for (_, ending) in await self.call(client, key, 50) {
                    #expect(ending.error?.code == .timeout)
                    checkEndedAt(self.timeout, ending.duration, stalls)
                }
                #expect(try await sleeping == "OK")
                #expect(try await patient == "value 3")
            }
            for (number, ending) in await self.call(client, key, 20) { check(ending.value, "value \(number % 10)") }
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `deadlines hold at one byte a second`() async throws {
        try await withProxy { proxy async throws in
            try await withClient(proxy.configuration) { client async throws in
                let key = try await self.prepare(client)
                proxy.set(.slice(1, pausing: .seconds(1)))
                try await Stalls.measured { stalls async throws in
                    for (_, ending) in await self.call(client, key, 50) {
                        #expect(ending.error?.code == .timeout)
                        checkEndedAt(self.timeout, ending.duration, stalls)
                    }
                }
                // One shared connection, however many callers wait.
                #expect(proxy.statistics.accepted == 1)
                proxy.set(.pass)
                for (number, ending) in await self.call(client, key, 20) { check(ending.value, "value \(number % 10)") }
            }
        }
    }
}

import RESP
import RedisClient
import TestServers
import Testing

/// A master that lives and lets nobody in.
@Suite(.timeLimit(.minutes(1))) struct RefusingMasterTests {
    @Test func `a master that refuses new connections is not stormed`() async throws {
        let server = try await ServerProcess.start(settings: ["user app on >first ~* &* +@all"])
        defer { server.stop() }
        let watch = ["sentinel monitor mymaster 127.0.0.1 \(server.port) 1"]
        let sentinel = try await ServerProcess.start(mode: .sentinel, settings: watch)
        defer { sentinel.stop() }
        var configuration = RedisClientConfiguration()
        configuration.topology = .sentinel(SentinelConfiguration([sentinel.address]))
        configuration.credentials = RedisCredentials(username: "app", password: "first")
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(PING()) == "PONG")
            try server.cli("acl", "setuser", "app", "resetpass", ">second")
            try server.cli("client", "kill", "user", "app")
            try await eventually("it is refused") { try self.refusals(server) > 3 }
            let (before, start) = (try self.refusals(server), ContinuousClock.now)
            // The time in which they are counted.
            try await Task.sleep(for: .seconds(2))
            let seconds = start.duration(to: .now) / .seconds(1)
            let rate = Double(try self.refusals(server) - before) / seconds
            print("\(rate) connections a second to a server that refuses them")
            // The shared connection and the question for the role, each twice a second and more rarely.
            #expect(rate < 10)
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .milliseconds(50))
            }
            #expect(error?.message.contains("WRONGPASS") == true, "\(String(describing: error))")
            try server.cli("acl", "setuser", "app", "resetpass", ">first")
            #expect(try await client.execute(PING(), timeout: .seconds(10)) == "PONG")
        }
    }

    private func refusals(_ server: ServerProcess) throws -> Int {
        let lines = try server.cli("info", "stats").split(whereSeparator: \.isNewline)
        let line = lines.first { $0.hasPrefix("acl_access_denied_auth:") }
        return line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) } ?? 0
    }
}

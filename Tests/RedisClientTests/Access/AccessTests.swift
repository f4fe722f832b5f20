import Logging
import RedisClient
import TestServers
import Testing

/// Users with limited rights, passwords that change, and servers that take no more clients.
@Suite struct AccessTests {
    private static let limited = "user app on >app-pass ~open:* +get +set +incr +ping"

    private func configuration(_ server: ServerProcess, _ user: String?, _ password: String) -> RedisClientConfiguration
    {
        var configuration = RedisClientTests.configuration(for: server)
        configuration.credentials = RedisCredentials(username: user, password: password)
        return configuration
    }

    /// How often the server has been connected to, this question included.
    private func connections(_ server: ServerProcess) throws -> Int {
        // Where no password is needed, a wrong one does no harm.
        let stats = try server.cli("-a", "right", "info", "stats")
        let line = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_connections_received:") }
        return try #require(line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) })
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `what a user may not do is refused, once, and the rest goes on`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind, settings: [Self.limited])
        defer { server.stop() }
        try await withClient(configuration(server, "app", "app-pass")) { client async throws in
            _ = try await client.execute(SET("open:k", "v"))
            for refused in [
                RawCommand("DEL", "open:k", returning: String.self),
                RawCommand("GET", "closed:k", returning: String.self),
                RawCommand("INCR", "closed:n", returning: String.self),
                RawCommand("EVAL", "return 1", 0, returning: String.self),
            ] {
                let sent = client.statistics.commands
                let error = await #expect(throws: RedisError.self) { try await client.execute(refused) }
                #expect(error?.code == .server)
                #expect(error?.serverError == "NOPERM")
                #expect(error?.delivery == .refused)
                #expect(client.statistics.commands == sent + 1, "not repeated")
                #expect(try await client.execute(GET("open:k", as: String.self)) == "v")
            }
            let results = try await client.execute(
                pipeline: GET("open:k", as: String.self),
                GET("closed:k", as: String.self),
                GET("open:k", as: String.self)
            )
            #expect(try results.0.get() == "v")
            #expect(throws: RedisError.self) { try results.1.get() }
            #expect(try results.2.get() == "v")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a right that is taken away is refused, one that is given back works, on the same connection`()
        async throws
    {
        let server = try await ServerProcess.start(settings: [Self.limited])
        defer { server.stop() }
        try await withClient(configuration(server, "app", "app-pass")) { client async throws in
            _ = try await client.execute(SET("open:k", "v"))
            try server.cli("acl", "setuser", "app", "-get")
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("open:k", as: String.self))
            }
            #expect(error?.serverError == "NOPERM")
            _ = try await client.execute(SET("open:k", "w"))
            try server.cli("acl", "setuser", "app", "+get")
            #expect(try await client.execute(GET("open:k", as: String.self)) == "w")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test(arguments: [("requirepass right", nil), ("user app on >right ~* +@all", "app")])
    func `a wrong password is told at once, tried with pauses, and taken when it becomes right`(
        _ setting: String,
        _ user: String?
    ) async throws {
        let server = try await ServerProcess.start(settings: [setting])
        defer { server.stop() }
        let configuration = configuration(server, user, "wrong")
        let message = try await refusal(configuration)
        #expect(message.contains("the handshake was refused: WRONGPASS"), "\(message)")
        try await withClient(configuration) { client async throws in
            let before = try connections(server)
            try await Task.sleep(for: .milliseconds(500))
            let after = try connections(server)
            // The pauses are half of 50, 100, 200, 400 ms at least; one connection is the question's own.
            #expect((2...7).contains(after - before), "\(after - before)")
            if user == nil {
                try server.cli("-a", "right", "config", "set", "requirepass", "wrong")
            } else {
                try server.cli("acl", "setuser", "app", ">wrong")
            }
            #expect(try await client.execute(GET("k", as: String.self), timeout: .seconds(5)) == nil)
        }
    }

    @Test func `a password that changes matters to the next connection, and is told from a lost server`() async throws {
        let server = try await ServerProcess.start(settings: ["requirepass old"])
        defer { server.stop() }
        try await withClient(configuration(server, nil, "old")) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            try server.cli("-a", "old", "config", "set", "requirepass", "new")
            #expect(try await client.execute(GET("k", as: String.self)) == "v", "who is in stays in")
            try server.cli("-a", "new", "client", "kill", "type", "normal")
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .milliseconds(400))
            }
            #expect(error?.code == .cannotConnect)
            #expect(error?.message.contains("WRONGPASS") == true)
            try server.cli("-a", "new", "config", "set", "requirepass", "old")
            #expect(try await client.execute(GET("k", as: String.self), timeout: .seconds(5)) == "v")
        }
    }

    @Test func `a user that is deleted loses the connection and is told why`() async throws {
        let server = try await ServerProcess.start(settings: [Self.limited])
        defer { server.stop() }
        try await withClient(configuration(server, "app", "app-pass")) { client async throws in
            _ = try await client.execute(SET("open:k", "v"))
            try server.cli("acl", "deluser", "app")
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("open:k", as: String.self), timeout: .milliseconds(400))
            }
            #expect(error?.code == .cannotConnect)
            #expect(error?.message.contains("WRONGPASS") == true)
        }
    }

    @Test func `no password where one is wanted is told at once`() async throws {
        let server = try await ServerProcess.start(settings: ["requirepass right"])
        defer { server.stop() }
        let message = try await refusal(RedisClientTests.configuration(for: server))
        #expect(message.contains("the handshake was refused: NOAUTH"), "\(message)")
    }

    @Test func `a server that takes no more clients keeps those it has, and is not stormed`() async throws {
        let server = try await ServerProcess.start(settings: ["maxclients 6"])
        defer { server.stop() }
        let configuration = RedisClientTests.configuration(for: server)
        try await withClient(configuration) { inside async throws in
            _ = try await inside.execute(SET("k", "v"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                let others = (0..<5).map { _ in RedisClient(configuration) }
                for other in others { group.addTask { try? await other.run() } }
                try await eventually("the server is full") { others.allSatisfy { $0.server != nil } }

                let message = try await refusal(configuration)
                #expect(message.contains("max number of clients reached"), "\(message)")
                func rejected() async throws -> Int {
                    let info = try await inside.execute(RawCommand("INFO", "stats", returning: String.self))
                    let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("rejected_connections:") }
                    return try #require(line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) })
                }
                try await withClient(configuration) { outside async throws in
                    let before = try await rejected()
                    let start = ContinuousClock.now
                    while start.duration(to: .now) < .milliseconds(500) {
                        #expect(try await inside.execute(GET("k", as: String.self)) == "v")
                    }
                    let attempts = try await rejected() - before
                    #expect((2...6).contains(attempts), "\(attempts)")
                    #expect(inside.statistics.connects == 1)
                    group.cancelAll()
                    let read = try await outside.execute(GET("k", as: String.self), timeout: .seconds(5))
                    #expect(read == "v", "let in when others leave")
                }
            }
        }
    }
}

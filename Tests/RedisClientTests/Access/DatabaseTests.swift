import RedisClient
import TestServers
import Testing

@Suite struct DatabaseTests {
    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `databases do not see each other`(_ name: SharedServers.Name) async throws {
        var first = try await configuration(name)
        first.database = 1
        var second = first
        second.database = 2
        let clients = (first, second)
        try await withClient(clients.0) { one async throws in
            try await withClient(clients.1) { two async throws in
                _ = try await one.execute(SET("database:key", "one"))
                #expect(try await two.execute(GET("database:key", as: String.self)) == nil)
                _ = try await two.execute(SET("database:key", "two"))
                #expect(try await one.execute(GET("database:key", as: String.self)) == "one")
                _ = try await one.execute(RawCommand("DEL", "database:key", returning: Int.self))
                #expect(try await two.execute(GET("database:key", as: String.self)) == "two")
            }
        }
    }

    @Test func `a database beyond the server's count is told at once, and nothing goes to another one`() async throws {
        let server = try await ServerProcess.start(settings: ["databases 4"])
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.database = 4
        let message = try await refusal(configuration)
        #expect(message.contains("database 4 cannot be selected"), "\(message)")
        #expect(message.contains("out of range"), "\(message)")
        configuration.database = 3
        try await withClient(configuration) { client async throws in _ = try await client.execute(SET("k", "v")) }
        #expect(try server.cli("info", "keyspace").contains("db3:keys=1"))
    }
}

@Suite struct UnixSocketTests {
    @Test(arguments: ServerProcess.Kind.allCases)
    func `with a password`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind, settings: ["requirepass right"])
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = .unix(path: server.unixPath)
        let without = try await refusal(configuration)
        #expect(without.contains("NOAUTH"), "\(without)")
        configuration.credentials = RedisCredentials(password: "right")
        configuration.database = 1
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            #expect(try await client.execute(GET("k", as: String.self)) == "v")
        }
    }

    @Test func `a socket that is not there, and one that is too long to be one`() async throws {
        var configuration = RedisClientConfiguration()
        configuration.address = .unix(path: "/none/redis.sock")
        let missing = try await refusal(configuration)
        #expect(missing.contains("cannot connect to unix:/none/redis.sock"), "\(missing)")
        #expect(missing.contains("No such file or directory"), "\(missing)")
        configuration.address = .unix(path: "/" + String(repeating: "x", count: 200))
        let long = try await refusal(configuration)
        #expect(long.contains("cannot connect to unix:/xxx"), "\(long)")
    }
}

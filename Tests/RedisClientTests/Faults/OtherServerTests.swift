import RESP
import RedisClient
import TestServers
import Testing

/// The address leads to another server than before.
@Suite struct OtherServerTests {
    @Test(arguments: [ServerProcess.Kind.redis, .valkey], [true, false])
    func `a replica where a master was is not used until it is a master`(
        _ kind: ServerProcess.Kind,
        _ hasHello: Bool
    ) async throws {
        let other = try await ServerProcess.start(kind)
        defer { other.stop() }
        let settings = hasHello ? [] : ["rename-command HELLO \"\""]
        let first = try await ServerProcess.start(kind, settings: settings)
        defer { first.stop() }
        var configuration = configuration(for: first)
        configuration.requiredRole = .master
        configuration.pool.maximumWait = .milliseconds(300)
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "of the first"))
            #expect(client.server?.role == .master)
            first.stop()
            let second = try await ServerProcess.start(
                kind,
                port: first.port,
                settings: settings + ["replicaof 127.0.0.1 \(other.port)"]
            )
            defer { second.stop() }
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .milliseconds(700))
            }
            #expect(error?.code == .cannotConnect)
            check(error?.message.contains("is a replica, not a master") ?? false, true)
            let exclusive = await #expect(throws: RedisError.self) { try await client.withConnection { _ in } }
            #expect(exclusive?.code == .cannotConnect)
            try second.cli("REPLICAOF", "NO", "ONE")
            #expect(try await client.execute(GET("k", as: String.self), timeout: .seconds(10)) == nil)
            #expect(client.server?.role == .master)
        }
    }

    @Test func `without a required role a replica is read from, and says that it is one`() async throws {
        let master = try await ServerProcess.start()
        defer { master.stop() }
        let replica = try await ServerProcess.start(settings: ["replicaof 127.0.0.1 \(master.port)"])
        defer { replica.stop() }
        try await withClient(configuration(for: replica)) { client async throws in
            // LOADING at first, while it takes over the master's data.
            let value = try await client.execute(GET("k", as: String.self))
            #expect(value == nil)
            #expect(client.server?.role == .replica)
            // Asked again until the deadline: it might become a master.
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(SET("k", "v"), timeout: .milliseconds(200))
            }
            #expect(error?.serverError == "READONLY")
            #expect(error?.delivery == .refused)
        }
    }
}

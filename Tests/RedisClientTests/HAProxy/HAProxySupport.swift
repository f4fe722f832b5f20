import Logging
import RedisClient
import TestServers
import Testing

extension RedisClient {
    /// Waits until some server has answered, over whatever connection.
    func ping() async throws {
        _ = try await self.execute(
            RawCommand("PING", returning: String.self, isIdempotent: true),
            timeout: .seconds(20)
        )
    }
}

extension HAProxyTopology {
    /// Runs `body` with a client that knows the proxy's address only, and puts the topology in order before and behind.
    ///
    /// Commands time out after half a second.
    func withClient(
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        try await self.restore()
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: self.port)
        configuration.credentials = RedisCredentials(password: self.sentinel.password)
        configuration.requiredRole = .master
        configuration.commandTimeout = .milliseconds(500)
        do {
            try await RedisClientTests.withClient(configuration, logger: logger) { client async throws in
                try await client.ping()
                try await body(client)
            }
        } catch {
            Issue.record(error)
        }
        for server in self.sentinel.servers { try await self.setChecks(of: server, true) }
        try await self.restore()
    }

    /// Takes a server out of the hands of the checks, or gives it back.
    ///
    /// As long as it is, it counts as up, gets its share of the new connections, and keeps those that it has.
    func setChecks(of server: ServerProcess, _ isOn: Bool) async throws {
        let name = "back/\(server.port)"
        _ = try await self.admin(isOn ? "enable health \(name)" : "disable health \(name)")
        if !isOn { _ = try await self.admin("set server \(name) health up") }
    }
}

import RedisClient
import TestServers
import Testing

/// A sentinel names an address, and the certificate must be for it.
@Suite struct SentinelTLSTests {
    @Test(arguments: [TestCertificates.Name.server, .wrongName])
    func `the address that sentinels announce must stand in the server's certificate`(
        _ certificate: TestCertificates.Name
    ) async throws {
        let server = try await ServerProcess.start(tls: ServerTLS(certificate))
        defer { server.stop() }
        let watch = ["sentinel monitor secure 127.0.0.1 \(server.tlsPort ?? 0) 1", "tls-replication yes"]
        let sentinel = try await ServerProcess.start(mode: .sentinel, tls: ServerTLS(), settings: watch)
        defer { sentinel.stop() }
        var configuration = try tlsConfiguration(for: server)
        var sentinels = SentinelConfiguration([.host("localhost", port: sentinel.tlsPort ?? 0)])
        sentinels.masterName = "secure"
        configuration.topology = .sentinel(sentinels)
        try await withClient(configuration) { client async throws in
            if certificate == .server {
                _ = try await client.execute(SET("k", "v"), timeout: .seconds(10))
                #expect(try server.cli("get", "k") == "v")
                return
            }
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(SET("k", "v"), timeout: .seconds(2))
            }
            #expect(error?.code == .cannotConnect)
            #expect(error?.message.contains("certificate is not for") == true, "\(String(describing: error))")
            #expect(try server.cli("get", "k") == "")
        }
    }
}

import RedisClient
import TestServers
import Testing

@Suite struct MutualTLSTests {
    private static let servers: [SharedServers.Name] = [.redisMutualTLS, .valkeyMutualTLS]

    @Test(arguments: Self.servers)
    func `a client with a certificate of the server's authority is let in`(_ name: SharedServers.Name) async throws {
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(name))
        try configuration.tls?.present(.client)
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
    }

    @Test(arguments: Self.servers)
    func `a client without a certificate is told what to set`(_ name: SharedServers.Name) async throws {
        let configuration = try tlsConfiguration(for: try await SharedServers.shared.server(name))
        let message = try await refusal(configuration)
        #expect(message.contains("client certificate"), "\(message)")
        #expect(message.contains("set tls.certificate and tls.privateKey"), "\(message)")
    }

    @Test(arguments: Self.servers)
    func `a client with a certificate of another authority is told which one`(_ name: SharedServers.Name) async throws {
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(name))
        try configuration.tls?.present(.foreignClient)
        let message = try await refusal(configuration)
        #expect(message.contains("client certificate in"), "\(message)")
        #expect(message.contains("foreignClient.crt"), "\(message)")
    }

    @Test func `the same in TLS 1 dot 2, where the refusal comes within the handshake`() async throws {
        let server = try await ServerProcess.start(
            tls: ServerTLS(wantsClientCertificate: true),
            settings: ["tls-protocols TLSv1.2"]
        )
        defer { server.stop() }
        var configuration = try tlsConfiguration(for: server)
        let without = try await refusal(configuration)
        #expect(without.contains("set tls.certificate and tls.privateKey"), "\(without)")
        try configuration.tls?.present(.foreignClient)
        let foreign = try await refusal(configuration)
        #expect(foreign.contains("foreignClient.crt"), "\(foreign)")
        try configuration.tls?.present(.client)
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
    }
}

import Logging
import NIOSSL
import RedisClient
import TestServers
import Testing

/// What is refused by default, and accepted with the one setting that loosens it.
@Suite struct TLSVerificationTests {
    struct Refused: Sendable {
        var certificate: TestCertificates.Name
        var host = "localhost"
        var serverName: String?
        var reason: String
    }

    @Test(arguments: [
        Refused(certificate: .selfSigned, reason: "the server's certificate is self-signed"),
        Refused(certificate: .expired, reason: "the server's certificate has expired"),
        Refused(certificate: .foreign, reason: "leads to no trusted authority"),
        Refused(certificate: .wrongName, reason: "not for 'localhost': it is for DNS:other.example, IP:192.0.2.1"),
        Refused(certificate: .wrongName, host: "127.0.0.1", reason: "not for the IP address of 127.0.0.1:"),
        Refused(certificate: .wildcard, host: "127.0.0.1", reason: "not for the IP address of 127.0.0.1:"),
        Refused(certificate: .commonNameOnly, reason: "a common name does not count"),
        Refused(certificate: .commonNameOnly, host: "127.0.0.1", reason: "a common name does not count"),
        Refused(certificate: .addressOnly, reason: "not for 'localhost': it is for IP:127.0.0.1"),
        Refused(certificate: .server, serverName: "other.example", reason: "not for 'other.example'"),
        Refused(certificate: .server, host: "127.0.0.1", serverName: "other.example", reason: "for 'other.example'"),
        Refused(certificate: .wildcard, serverName: "cache.example", reason: "not for 'cache.example'"),
        Refused(certificate: .wildcard, serverName: "a.b.cache.example", reason: "not for 'a.b.cache.example'"),
    ])
    func `what does not prove who it is is refused, unless verification is off, which the log tells once`(
        _ refused: Refused
    ) async throws {
        let server = try await ServerProcess.start(tls: ServerTLS(refused.certificate))
        defer { server.stop() }
        var configuration = try tlsConfiguration(for: server, host: refused.host)
        configuration.tls?.serverName = refused.serverName
        let message = try await refusal(configuration)
        #expect(message.contains(refused.reason), "\(message)")
        #expect(message.contains("over TLS"), "\(message)")

        configuration.tls?.verifiesPeer = false
        let recorder = LogRecorder()
        try await withClient(configuration, logger: recorder.logger) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
        let warnings = recorder.messages(at: .warning)
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.first?.contains("tls.verifiesPeer = false") == true)
        #expect(warnings.first?.contains("verifyPeer") == true)
    }

    @Test(
        arguments: [
            (.server, "localhost", nil), (.server, "127.0.0.1", nil), (.addressOnly, "127.0.0.1", nil),
            (.wildcard, "localhost", nil), (.wildcard, "127.0.0.1", "shard-1.cache.example"),
            (.server, "127.0.0.1", "localhost"), (.server, "localhost", "LOCALHOST."),
        ] as [(TestCertificates.Name, String, String?)]
    )
    func `what proves who it is is accepted, without a word`(
        _ certificate: TestCertificates.Name,
        _ host: String,
        _ serverName: String?
    ) async throws {
        let server = try await ServerProcess.start(tls: ServerTLS(certificate))
        defer { server.stop() }
        var configuration = try tlsConfiguration(for: server, host: host)
        configuration.tls?.serverName = serverName
        let recorder = LogRecorder()
        try await withClient(configuration, logger: recorder.logger) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
        #expect(recorder.messages(at: .info).isEmpty)
    }

    @Test func `the system's authorities do not know ours`() async throws {
        let server = try await SharedServers.shared.server(.redisTLS)
        var configuration = try tlsConfiguration(for: server)
        configuration.tls?.trustStore = nil
        let message = try await refusal(configuration)
        #expect(message.contains("leads to no trusted authority"), "\(message)")
    }

    @Test func `TLS before 1 dot 2 is refused, verification or not`() async throws {
        let front = try await TLSFront(before: try await SharedServers.shared.server(.redis)) {
            $0.minimumTLSVersion = .tlsv1
            $0.maximumTLSVersion = .tlsv11
        }
        defer { front.stop() }
        for verifies in [true, false] {
            var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(.redisTLS))
            configuration.address = front.address
            configuration.tls?.verifiesPeer = verifies
            let message = try await refusal(configuration)
            #expect(message.contains("does not speak TLS 1.2 or later"), "\(message)")
        }
    }

    @Test func `TLS 1 dot 2 is accepted`() async throws {
        let server = try await ServerProcess.start(tls: ServerTLS(), settings: ["tls-protocols TLSv1.2"])
        defer { server.stop() }
        try await withClient(try tlsConfiguration(for: server)) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
    }

    @Test(arguments: [true, false])
    func `a port in clear is no TLS port, verification or not`(_ verifies: Bool) async throws {
        let server = try await SharedServers.shared.server(.redisTLS)
        var configuration = try tlsConfiguration(for: server)
        configuration.address = .host("localhost", port: server.port)
        configuration.tls?.verifiesPeer = verifies
        // The server says nothing at all. Callers who wait are told nevertheless, long before connectTimeout.
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .milliseconds(700))
            }
            #expect(error?.code == .cannotConnect)
            #expect(
                error?.message.contains("TLS is not up after half a second") == true,
                "\(String(describing: error))"
            )
        }
        configuration.connectTimeout = .milliseconds(100)
        let message = try await refusal(configuration)
        #expect(message.contains("a port in clear answers nothing to a TLS handshake"), "\(message)")
    }

    @Test func `a server that answers in clear is no TLS server`() async throws {
        let server = try await SilentServer(answering: "-ERR max number of clients reached\r\n")
        defer { server.stop() }
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(.redisTLS))
        configuration.address = server.address
        let message = try await refusal(configuration)
        #expect(message.contains("does not speak TLS on this port"), "\(message)")
    }

    @Test func `a client in clear that gets a TLS alert is told so`() async throws {
        let server = try await SilentServer(answering: "\u{15}\u{3}\u{1}\0\u{2}\u{2}F")
        defer { server.stop() }
        var configuration = RedisClientConfiguration()
        configuration.address = server.address
        let message = try await refusal(configuration)
        #expect(message.contains("set tls if the port speaks TLS"), "\(message)")
    }

    @Test(arguments: [SharedServers.Name.redisTLS, .valkeyTLS])
    func `a client in clear on a TLS port is told so`(_ name: SharedServers.Name) async throws {
        let server = try await SharedServers.shared.server(name)
        var configuration = configuration(for: server)
        configuration.address = .host("127.0.0.1", port: server.tlsPort ?? 0)
        let message = try await refusal(configuration)
        #expect(message.contains("set tls if the port speaks TLS"), "\(message)")
    }
}

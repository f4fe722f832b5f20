import Foundation
import RESP
import RedisClient
import TestServers
import Testing

/// Settings and files that cannot work end `run()` at once and are named.
@Suite struct TLSFilesTests {
    private func message(
        _ address: RedisAddress = .host("localhost", port: 6379),
        _ change: (inout RedisTLSConfiguration) throws -> Void
    ) throws -> String {
        var configuration = RedisClientConfiguration()
        configuration.address = address
        var tls = RedisTLSConfiguration()
        try change(&tls)
        configuration.tls = tls
        let client = RedisClient(configuration)
        // What run() begins with.
        let error = #expect(throws: RedisError.self) { try client.prepareToRun() }
        #expect(error?.code == .invalidConfiguration)
        return error?.message ?? ""
    }

    private func check(_ message: String, _ parts: String...) {
        for part in parts { #expect(message.contains(part), "'\(part)' in: \(message)") }
    }

    @Test func `a file that is not there`() async throws {
        self.check(try message { $0.trustStore = "/none/ca.pem" }, "tls.trustStore: /none/ca.pem", "is not there")
        let client = try TestCertificates.shared
        let certificate = try message {
            $0.certificate = "/none/client.pem"
            $0.privateKey = client.key(.client)
        }
        self.check(certificate, "tls.certificate: /none/client.pem", "is not there")
        let key = try message {
            $0.certificate = client.certificate(.client)
            $0.privateKey = "/none/client.key"
        }
        self.check(key, "tls.privateKey: /none/client.key", "is not there")
    }

    @Test func `a file without what is looked for, whose content is not shown`() async throws {
        let certificates = try TestCertificates.shared
        let marker = "MARKER-in-file"
        for text in [
            "", marker, "-----BEGIN CERTIFICATE-----\n\(marker)\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\n\(marker)\n-----END PRIVATE KEY-----\n",
        ] {
            let file = try certificates.file(text)
            let messages = [
                try message { $0.trustStore = file },
                try message {
                    $0.certificate = file
                    $0.privateKey = certificates.key(.client)
                },
                try message {
                    $0.certificate = certificates.certificate(.client)
                    $0.privateKey = file
                },
            ]
            self.check(messages[0], "tls.trustStore: \(file)", "no PEM certificate")
            self.check(messages[1], "tls.certificate: \(file)", "no PEM certificate")
            self.check(messages[2], "tls.privateKey: \(file)", "no PEM private key")
            #expect(!messages.joined().contains(marker))
        }
        let folder = URL(filePath: certificates.key(.client)).deletingLastPathComponent().path
        self.check(try message { $0.trustStore = folder }, "tls.trustStore: \(folder) is not a regular file")
    }

    @Test func `a key that is not the certificate's`() async throws {
        let certificates = try TestCertificates.shared
        let message = try message {
            $0.certificate = certificates.certificate(.client)
            $0.privateKey = certificates.key(.server)
        }
        self.check(message, "tls.privateKey: \(certificates.key(.server))", "is not the key of the certificate in")
        self.check(message, certificates.certificate(.client))
    }

    @Test func `a certificate without a key, a key without a certificate`() async throws {
        self.check(try message { $0.certificate = "c.pem" }, "tls.certificate: certificate without privateKey")
        self.check(try message { $0.privateKey = "k.pem" }, "tls.privateKey: privateKey without certificate")
    }

    @Test(arguments: [
        "", ".", "a..b", "10.0.0.1", "::1", "redis_1", "b\u{fc}cher.example", "a b", "a\0b", "localhost:1",
    ])
    func `a server name that no certificate can bear`(_ name: String) async throws {
        self.check(try message { $0.serverName = name }, "tls.serverName: ", "allowed: a host name")
    }

    @Test func `a host or socket that no certificate can bear needs a server name`() async throws {
        for address in [RedisAddress.unix(path: "/run/s"), .host("redis_1", port: 1), .host("fe80::1%none", port: 1)] {
            self.check(try message(address) { _ in }, "tls.serverName: ", "bear")
        }
    }

    @Test func `the files are read once`() async throws {
        let certificates = try TestCertificates.shared
        let server = try await ServerProcess.start(tls: ServerTLS(wantsClientCertificate: true))
        defer { server.stop() }
        var configuration = try tlsConfiguration(for: server)
        let names = [
            certificates.certificate(.authority), certificates.certificate(.client), certificates.key(.client),
        ]
        let copies = try names.map { try certificates.file(try String(contentsOfFile: $0, encoding: .utf8)) }
        configuration.tls?.trustStore = copies[0]
        configuration.tls?.certificate = copies[1]
        configuration.tls?.privateKey = copies[2]
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(RawCommand("PING", returning: String.self))
            for copy in copies { try FileManager.default.removeItem(atPath: copy) }
            try server.cli("client", "kill", "type", "normal", "skipme", "no")
            #expect(try await client.execute(GET("k", as: String.self)) == nil)
            #expect(client.statistics.connects == 2)
        }
    }
}

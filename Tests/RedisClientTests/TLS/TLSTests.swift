import Foundation
import Logging
import NIOCore
import RedisClient
import TestServers
import Testing

@Suite struct TLSTests {
    private static let servers: [SharedServers.Name] = [.redisTLS, .valkeyTLS]

    @Test(arguments: Self.servers)
    func `large values and fifty tasks`(_ name: SharedServers.Name) async throws {
        let configuration = try tlsConfiguration(for: try await SharedServers.shared.server(name))
        try await withClient(configuration) { client async throws in
            let large = ByteBuffer(repeating: UInt8(ascii: "x"), count: 10_000_000)
            _ = try await client.execute(SET("tls:large", large))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<50 {
                    group.addTask {
                        for round in 0..<20 {
                            let value = "\(task)-\(round)"
                            _ = try await client.execute(SET("tls:\(value)", value))
                            let read = try await client.execute(GET("tls:\(value)", as: String.self))
                            #expect(read == value)
                        }
                    }
                }
                group.addTask {
                    let read = try await client.execute(GET("tls:large", as: ByteBuffer.self))
                    #expect(read == large)
                }
                try await group.waitForAll()
            }
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a lost connection is replaced, over TLS again`() async throws {
        let server = try await ServerProcess.start(tls: ServerTLS())
        defer { server.stop() }
        try await withClient(try tlsConfiguration(for: server)) { client async throws in
            for round in 1...3 {
                #expect(try await client.execute(RawCommand("INCR", "n", returning: Int.self)) == round)
                try server.cli("client", "kill", "type", "normal")
                // Sent before the loss was noticed, an INCR may have been carried out, and fails.
                try await eventually("another connection") { client.statistics.connects == round + 1 }
            }
            let list = try await client.execute(RawCommand("CLIENT", "LIST", returning: String.self))
            #expect(list.contains(":\(server.tlsPort ?? 0) "))
            #expect(!list.contains("laddr=127.0.0.1:\(server.port) "))
        }
    }

    /// Values embed their keys: a reply that reached another caller than its own would show.
    @Test(arguments: Self.servers)
    func `cancellation and time-outs cross no replies`(_ name: SharedServers.Name) async throws {
        let configuration = try tlsConfiguration(for: try await SharedServers.shared.server(name))
        try await withClient(configuration) { client async throws in
            let keys = (0..<64).map { "tls:integrity:\($0)" }
            for key in keys { _ = try await client.execute(SET(key, "value of \(key)")) }
            let outcomes = try await withThrowingTaskGroup(of: (right: Int, crossed: Int, failed: Int).self) { group in
                for worker in 0..<50 {
                    group.addTask {
                        var outcomes = (right: 0, crossed: 0, failed: 0)
                        for round in 0..<100 {
                            let key = keys[(worker * 31 + round * 7) % keys.count]
                            let timeout: Duration = round % 10 == 3 ? .microseconds(50) : .seconds(5)
                            let read = Task { try await client.execute(GET(key, as: String.self), timeout: timeout) }
                            if round % 5 == 1 { read.cancel() }
                            do {
                                let isRight = try await read.value == "value of \(key)"
                                if isRight { outcomes.right += 1 } else { outcomes.crossed += 1 }
                            } catch {
                                outcomes.failed += 1
                            }
                        }
                        return outcomes
                    }
                }
                // Every now and then the server stands still, so that deadlines pass while replies are under way.
                group.addTask {
                    for _ in 0..<5 {
                        let pause = RawCommand("CLIENT", "PAUSE", 30, "ALL", returning: String.self)
                        _ = try await client.execute(pause)
                        try await Task.sleep(for: .milliseconds(40))
                    }
                    return (0, 0, 0)
                }
                var sum = (right: 0, crossed: 0, failed: 0)
                for try await part in group {
                    sum = (sum.right + part.right, sum.crossed + part.crossed, sum.failed + part.failed)
                }
                return sum
            }
            #expect(outcomes.crossed == 0)
            #expect(outcomes.right >= 3000, "\(outcomes)")
            #expect(outcomes.failed >= 100, "\(outcomes)")
            #expect(outcomes.right + outcomes.failed == 5000, "\(outcomes)")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `over a unix socket, with the name to verify`() async throws {
        let server = try await SharedServers.shared.server(.redis)
        let path = server.directory.appending(path: "tls").path
        let front = try await TLSFront(before: server, path: path)
        defer { front.stop() }
        var configuration = try tlsConfiguration(for: server)
        configuration.address = .unix(path: path)
        configuration.tls?.serverName = "localhost"
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
        configuration.tls?.serverName = "other.example"
        let message = try await refusal(configuration)
        #expect(message.contains("not for 'other.example'"), "\(message)")
    }

    @Test func `what somebody puts into the stream is no reply, and ends the connection`() async throws {
        let front = try await TLSFront(beforeTLSPortOf: try await SharedServers.shared.server(.redisTLS))
        defer { front.stop() }
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(.redisTLS))
        configuration.address = front.address
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("tls:injected", "right"))
            for round in 1...3 {
                let lost = client.statistics.connects
                front.inject("$5\r\nwrong\r\n")
                try await eventually("the connection has ended") {
                    client.server == nil || round < client.statistics.connects
                }
                #expect(try await client.execute(GET("tls:injected", as: String.self)) == "right")
                #expect(client.statistics.connects == lost + 1)
            }
        }
    }

    @Test func `nothing is sent before TLS is up, and connectTimeout bounds it`() async throws {
        let silent = try await SilentServer()
        defer { silent.stop() }
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(.redisTLS))
        configuration.address = silent.address
        configuration.credentials = RedisCredentials(username: "MARKER-user", password: "MARKER-password")
        configuration.connectTimeout = .milliseconds(100)
        let start = ContinuousClock.now
        let message = try await refusal(configuration)
        #expect(message.contains("TLS was not up within connectTimeout"), "\(message)")
        #expect(start.duration(to: .now) < .seconds(1))
        let sent = String(decoding: silent.bytes, as: UTF8.self)
        #expect(silent.bytes.first == 0x16, "a TLS handshake record")
        #expect(!sent.contains("MARKER") && !sent.contains("HELLO") && !sent.contains("AUTH"))
    }

    @Test func `cancelling run() ends a handshake that hangs`() async throws {
        let silent = try await SilentServer()
        defer { silent.stop() }
        var configuration = try tlsConfiguration(for: try await SharedServers.shared.server(.redisTLS))
        configuration.address = silent.address
        let client = RedisClient(configuration)
        let run = Task { try await client.run() }
        try await eventually("the handshake has begun") { !silent.bytes.isEmpty }
        let start = ContinuousClock.now
        run.cancel()
        await #expect(throws: CancellationError.self) { try await run.value }
        #expect(start.duration(to: .now) < .seconds(1))
    }

    @Test func `attempts against a certificate that is refused keep their pauses, and recover when it is replaced`()
        async throws
    {
        let server = try await ServerProcess.start(tls: ServerTLS(.expired))
        defer { server.stop() }
        let recorder = LogRecorder()
        try await withClient(try tlsConfiguration(for: server), logger: recorder.logger) { client async throws in
            try await Task.sleep(for: .milliseconds(500))
            // The pauses are half of 50, 100, 200, 400 ms at least.
            let attempts = recorder.messages(at: .debug).count { $0.contains("cannot connect") }
            #expect(attempts >= 3 && attempts <= 6, "\(attempts)")
            let certificates = try TestCertificates.shared
            try server.cli(
                "config",
                "set",
                "tls-cert-file",
                certificates.certificate(.server),
                "tls-key-file",
                certificates.key(.server)
            )
            #expect(
                try await client.execute(RawCommand("PING", returning: String.self), timeout: .seconds(10)) == "PONG"
            )
        }
    }
}

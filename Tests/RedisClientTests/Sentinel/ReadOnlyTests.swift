import OxbowTesting
import RESP
import TestServers
import Testing

@testable import RedisClient

/// What follows when a server says that it is a replica.
@Suite struct ReadOnlyTests {
    typealias Answer = ScriptedServer.Answer

    /// A server made a replica of one that is not there.
    private func demote(_ server: ServerProcess) throws { try server.cli("replicaof", "127.0.0.1", "1") }

    @Test func `the connection to a demoted server is closed at its first refusal and made again when it is a master`()
        async throws
    {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.requiredRole = .master
        try await withClient(configuration) { client async throws in
            _ = try await client.execute(SET("k", "v"))
            try self.demote(server)
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("INCR", "n", returning: Int.self), timeout: .milliseconds(500))
            }
            #expect(error?.delivery == .refused || error?.delivery == .notSent, "\(String(describing: error))")
            // Not connected to as long as it is a replica, for reads neither.
            let second = await #expect(throws: RedisError.self) {
                try await client.execute(GET("k", as: String.self), timeout: .milliseconds(300))
            }
            #expect(second?.code == .cannotConnect)
            #expect(second?.message.contains("is a replica, not a master") == true)
            try server.cli("replicaof", "no", "one")
            #expect(try await client.execute(RawCommand("INCR", "n", returning: Int.self), timeout: .seconds(20)) == 1)
            #expect(client.statistics.connects == 2)
        }
    }

    @Test func `replies that came with the refusal reach their callers, those behind it are unknown`() async throws {
        let server = try await ScriptedServer.start([
            [.ignore, .ignore, .ignore, Answer("+one\r\n-READONLY You can't write.\r\n+three\r\n")],
            [Answer("+again\r\n")],
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            var calls: [Task<String, any Error>] = []
            for number in 1...4 {
                calls.append(Task { try await client.execute(RawCommand("ASK", returning: String.self)) })
                try await eventually("it has been sent") { server.commands.count { $0.name == "ASK" } >= number }
            }
            #expect(try await calls[0].value == "one")
            // The refused one may be carried out by the next server.
            switch await calls[1].result {
            case .success(let text): #expect(text == "again")
            case .failure(let error): #expect((error as? RedisError)?.serverError == "READONLY")
            }
            #expect(try await calls[2].value == "three")
            let error = await #expect(throws: RedisError.self) { try await calls[3].value }
            #expect(error?.code == .connectionClosed)
            #expect(error?.delivery == .unknown)
            #expect(error?.message == "the server has become a replica")
            try await eventually("a new connection") { server.acceptedConnections == 2 }
        }
    }

    /// Regression: one caller's READONLY failed whatever else was on its way.
    @Test func `what has been sent before a refusal is answered, what comes later goes over the next connection`()
        async throws
    {
        let server = try await ScriptedServer.start([
            [.ignore, .ignore, [.send("-READONLY mine\r\n"), .wait(.milliseconds(50)), .send("+late\r\n")]],
            [Answer("+next\r\n")],
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self)
            // A script that answers so is not sent again.
            let script = Task { try await client.execute(RawCommand("EVAL", "…", 0, returning: String.self)) }
            try await eventually("it has been sent") { server.commands.count { $0.name == "EVAL" } == 1 }
            let late = Task { try await client.execute(ask) }
            try await eventually("it has been sent") { server.commands.count { $0.name == "ASK" } == 1 }
            let trigger = Task { try await client.execute(ask, timeout: .milliseconds(200)) }
            let error = await #expect(throws: RedisError.self) { try await script.value }
            #expect(error?.serverError == "READONLY")
            #expect(try await client.execute(ask) == "next")
            #expect(try await late.value == "late")
            _ = await trigger.result
            #expect(server.acceptedConnections == 2)
        }
    }

    @Test func `a replica that was asked for stays connected when somebody writes to it`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        try self.demote(server)
        var configuration = configuration(for: server)
        configuration.requiredRole = .replica
        try await withClient(configuration) { client async throws in
            for _ in 0..<3 {
                let error = await #expect(throws: RedisError.self) {
                    try await client.execute(RawCommand("INCR", "n", returning: Int.self))
                }
                #expect(error?.serverError == "READONLY")
            }
            #expect(client.statistics.connects == 1)
        }
    }
}

import Foundation
import NIOCore
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// Defects that a review found, each with the input that showed it.
@Suite struct ReviewedTests {
    typealias Answer = ScriptedServer.Answer

    @Test func `a connection that ends right behind its handshake is a failed attempt`() async throws {
        // The last line of the handshake and the end come together: once, this ended run() without an error.
        let handshake = ScriptedServer.Handshake.standard.overriding { command in
            command.connection < 2 && command.words.contains("LIB-VER") ? Answer("+OK\r\n", closes: true) : nil
        }
        let server = try await ScriptedServer.start([[], [], [Answer("+fine\r\n")]], handshake: handshake)
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            // Sent and lost, where the end is seen a moment later than the handshake.
            let ask = RawCommand("ASK", returning: String.self, isIdempotent: true)
            #expect(try await client.execute(ask, timeout: .seconds(20)) == "fine")
        }
    }

    @Test func `an empty pipeline returns and blocks nobody`() async throws {
        try await withClient(configuration()) { client async throws in
            let none = try await client.execute(pipeline: [GET<String, String>]())
            #expect(none.isEmpty)
            #expect(try await client.execute(RawCommand("PING", returning: String.self)) == "PONG")
        }
    }

    @Test func `a repeated command is not said to be not sent`() async throws {
        let server = try await ScriptedServer.start([[Answer(closes: true)]])
        defer { server.stop() }
        var configuration = server.configuration
        configuration.connectTimeout = .milliseconds(200)
        try await withClient(configuration) { client async throws in
            while client.server == nil { await Task.yield() }
            try await server.refuse()
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(
                    RawCommand("ASK", returning: String.self, isIdempotent: true),
                    timeout: .seconds(1)
                )
            }
            #expect(error?.delivery == .unknown)
        }
    }

    @Test func `a deadline holds across waiting for the connection`() async throws {
        let port = try await ServerProcess.freePort()
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: port)
        try await withClient(configuration) { client async throws in
            let slow = RawCommand("DEBUG", "SLEEP", 5, returning: String.self)
            let call = Task { await Ending { try await client.execute(slow, timeout: .seconds(2)) } }
            let server = try await ServerProcess.start(port: port)
            defer { server.stop() }
            // The start of the server may itself have to wait for the end of the sleep.
            let ending = await call.value
            #expect(ending.error != nil)
            #expect(ending.duration < .milliseconds(2600))
            server.signal(SIGCONT)
        }
    }

    @Test func `a slow command with a deadline of its own is waited for`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.commandTimeout = .milliseconds(200)
        try await withClient(configuration) { client async throws in
            let slow = RawCommand("DEBUG", "SLEEP", 1, returning: String.self)
            #expect(try await client.execute(slow, timeout: .seconds(10)) == "OK")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a cancelled task sends nothing`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "cancelled:\(UInt64.random(in: 0 ... .max))"
            #expect(try await client.execute(GET(key, as: Int.self)) == nil)
            for _ in 0..<20 {
                let call = Task {
                    // Not before it is cancelled.
                    while !Task.isCancelled { await Task.yield() }
                    return try await client.execute(RawCommand("INCR", key, returning: Int.self))
                }
                call.cancel()
                await #expect(throws: CancellationError.self) { try await call.value }
            }
            #expect(try await client.execute(GET(key, as: Int.self)) == nil)
        }
    }

    @Test(arguments: ["SUBSCRIBE", "monitor", "Select", "MULTI", "WATCH", "HELLO", "RESET"])
    func `a command that would change the shared connection is refused`(_ name: String) async throws {
        try await withClient(configuration()) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand(name, "x", returning: RESPValue.self))
            }
            #expect(error?.code == .exclusiveCommand)
            #expect(error?.delivery == .notSent)
        }
    }

    @Test func `one reply beyond the limits does not fail its neighbors' reads`() async throws {
        var configuration = try await configuration()
        configuration.replyLimits.maximumBulkBytes = 100_000
        try await withClient(configuration) { client async throws in
            let key = "neighbors:\(UInt64.random(in: 0 ... .max))"
            _ = try await client.execute(SET(key, String(repeating: "x", count: 200_000), milliseconds: 20_000))
            _ = try await client.execute(SET(key + "s", "small", milliseconds: 20_000))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let error = await #expect(throws: RedisError.self) {
                        try await client.execute(GET(key, as: String.self))
                    }
                    #expect(error?.code == .protocolViolation)
                }
                for _ in 0..<20 {
                    group.addTask {
                        let value = try await client.execute(GET(key + "s", as: String.self))
                        #expect(value == "small")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `settings that cannot work are refused at run()`() async throws {
        let changes: [@Sendable (inout RedisClientConfiguration) -> Void] = [
            { $0.address = .host("127.0.0.1", port: 70_000) }, { $0.address = .host("127.0.0.1", port: 0) },
            { $0.commandTimeout = .zero }, { $0.connectTimeout = .seconds(-1) }, { $0.maximumOutstandingCommands = 0 },
        ]
        for change in changes {
            var configuration = RedisClientConfiguration()
            change(&configuration)
            let client = RedisClient(configuration)
            let error = await #expect(throws: RedisError.self) { try await client.run() }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `a server that is full says so`() async throws {
        let server = try await ServerProcess.start(settings: ["maxclients 1"])
        defer { server.stop() }
        try await withClient(configuration(for: server)) { first async throws in
            while first.server == nil { await Task.yield() }
            try await withClient(configuration(for: server)) { second async throws in
                let error = await #expect(throws: RedisError.self) {
                    try await second.execute(GET("k", as: String.self), timeout: .milliseconds(700))
                }
                #expect(error?.code == .cannotConnect)
                #expect(error?.delivery == .notSent)
            }
            #expect(try await first.execute(GET("k", as: String.self)) == nil)
        }
    }
}

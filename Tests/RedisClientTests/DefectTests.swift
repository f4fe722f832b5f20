import Foundation
import NIOCore
import OxbowTesting
import RESP
import TestServers
import Testing

@testable import RedisClient

/// Defects there once were, each with the input that showed it.
@Suite struct DefectTests {
    @Test func `a transaction whose MULTI is refused may have been carried out, and says so`() async throws {
        let server = try await ServerProcess.start(settings: ["user app on >p ~* +@all -multi"])
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.credentials = RedisCredentials(username: "app", password: "p")
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(transaction: INCR("n"), INCR("n"))
            }
            #expect(error?.delivery == .unknown)
            #expect(error?.serverError == "NOPERM")
        }
    }

    @Test(arguments: [SharedServers.Name.redis, .valkey])
    func `an error inside of a reply is no refusal, and runs nothing again`(_ name: SharedServers.Name) async throws {
        try await withClient(configuration(name)) { client async throws in
            let key = "nested:\(UInt64.random(in: 0 ... .max))"
            let script = Script("redis.call('INCR', KEYS[1]) return {redis.error_reply('NOSCRIPT x')}")
            let call = ScriptCall(script, keys: (key), arguments: (), returning: [String].self)
            for _ in 0..<2 {
                let error = await #expect(throws: RedisError.self) { try await client.execute(call) }
                #expect(error?.code == .unexpectedReply)
                #expect(error?.delivery == .done)
            }
            let own = Script("redis.call('INCR', KEYS[1]) return redis.error_reply('NOSCRIPT y')")
            await #expect(throws: RedisError.self) {
                try await client.execute(ScriptCall(own, keys: (key), arguments: (), returning: String.self))
            }
            #expect(try await client.execute(GET(key, as: Int.self)) == 3)
        }
    }

    @Test func `who comes without time to wait is sent away at once`() async throws {
        var configuration = try await configuration()
        configuration.pool.maximumTotal = 2
        configuration.pool.maximumWait = .zero
        try await withClient(configuration) { client async throws in
            try await client.withConnection { _ in
                let start = ContinuousClock.now
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for _ in 0..<500 { _ = try? await client.withConnection(timeout: .zero) { _ in } }
                        }
                    }
                }
                #expect(start.duration(to: .now) < .seconds(10))
                #expect(client.poolStatistics.waiters == 0)
            }
        }
    }

    @Test func `a connection that is being made when run() ends does not outlive it`() async throws {
        let handshake = ScriptedServer.Handshake.standard.overriding { command in
            guard command.connection > 0, command.name == "HELLO" else { return nil }
            return [.wait(.milliseconds(300)), .send("%1\r\n+proto\r\n:3\r\n")]
        }
        let server = try await ScriptedServer.start([[]], handshake: handshake)
        defer { server.stop() }
        let blocked = try await withClient(server.configuration) { client async throws in
            while client.server == nil { await Task.yield() }
            let blocked = Task { try await client.execute(BLPOP(["k"], upTo: nil, as: (String, String).self)) }
            while client.poolStatistics.total == 1 { await Task.yield() }
            return blocked
        }
        await #expect(throws: (any Error).self) { _ = try await blocked.value }
        check(server.commands.contains { $0.name == "BLPOP" }, false)
    }

    @Test func `a server that does not shake hands costs no more than the wait`() async throws {
        let handshake = ScriptedServer.Handshake.standard.overriding { command in
            command.connection > 0 && command.name == "HELLO" ? [] : nil
        }
        let server = try await ScriptedServer.start([[]], handshake: handshake)
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            while client.server == nil { await Task.yield() }
            let start = ContinuousClock.now
            await #expect(throws: RedisError.self) {
                try await client.withConnection(timeout: .milliseconds(200)) { _ in }
            }
            #expect(start.duration(to: .now) < .milliseconds(600))
        }
    }

    @Test func `what cleans up is sent by a cancelled task also when it must wait for room`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.maximumOutstandingCommands = 1
        try await withClient(configuration) { client async throws in
            let slow = Task {
                try await client.execute(RawCommand("DEBUG", "SLEEP", "0.3", returning: String.self))
            }
            try await Task.sleep(for: .milliseconds(100))
            let cleaning = Task {
                while !Task.isCancelled { await Task.yield() }
                let script = Script("return redis.call('INCR', KEYS[1])")
                return try await client.execute(
                    ScriptCall(script, keys: ("cleaned"), arguments: (), returning: Int.self, ignoresCancellation: true)
                )
            }
            cleaning.cancel()
            #expect(try await cleaning.value == 1)
            _ = try await slow.value
        }
    }

    @Test func `callers who give up while connecting do not slow down the next`() async throws {
        let handshake = ScriptedServer.Handshake.standard.overriding { command in
            guard command.connection > 0, command.name == "HELLO" else { return nil }
            return [.wait(.milliseconds(60)), .send("%1\r\n+proto\r\n:3\r\n")]
        }
        let server = try await ScriptedServer.start([[]], handshake: handshake)
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            while client.server == nil { await Task.yield() }
            for _ in 0..<8 {
                let call = Task { try await client.withConnection { _ in } }
                try await Task.sleep(for: .milliseconds(20))
                call.cancel()
                _ = try? await call.value
            }
            let start = ContinuousClock.now
            try await client.withConnection { _ in }
            #expect(start.duration(to: .now) < .milliseconds(400))
        }
    }

    @Test func `a command of more than 4 GiB is refused`() async throws {
        try await withClient(configuration()) { client async throws in
            let values = Array(repeating: ByteBuffer(repeating: 0x61, count: 500 << 20), count: 9)
            let error = await #expect(throws: RedisError.self) { try await client.execute(RPUSH("large", values)) }
            #expect(error?.code == .commandTooLarge)
            #expect(try await client.execute(PING()) == "PONG")
        }
    }

    @Test func `settings at the ends of their types do not trap`() async throws {
        var configuration = try await configuration()
        configuration.pool.cleanerPause = .seconds(Int64.max)
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(PING()) == "PONG")
        }
        configuration.pool.maximumTotal = .min
        let client = RedisClient(configuration)
        await #expect(throws: RedisError.self) { try await client.run() }
    }

    @Test func `a probe under way keeps nobody from connecting, and one handed over lets the next try`() {
        var state = PoolState<Int, String>(ConnectionPoolConfiguration())
        _ = state.lease()
        _ = state.connected()
        _ = state.giveBack(1, isReusable: true, at: 0)
        _ = state.takeToProbe()
        _ = state.lease()
        _ = state.connectFailed()
        guard case .connect = state.lease() else {
            Issue.record("nobody may connect while a connection is probed")
            return
        }
    }
}

import NIOCore
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// A server that is not there yet, and one that speaks only the old protocol.
@Suite(.timeLimit(.minutes(1))) struct AbsentServerTests {
    typealias Answer = ScriptedServer.Answer

    @Test func `a server that is gone at boot is used within one pause of its coming`() async throws {
        try await withProxy { proxy async throws in
            try await proxy.refuse()
            try await withClient(proxy.configuration) { client async throws in
                let boot = ContinuousClock.now
                while boot.duration(to: .now) < .milliseconds(800) {
                    // Whoever asks meanwhile hears soon enough to be served by the source.
                    let ending = await Ending {
                        try await client.execute(GET("absent", as: String.self), timeout: .milliseconds(100))
                    }
                    #expect(ending.error?.code == .cannotConnect)
                    #expect(ending.error?.delivery == .notSent)
                    #expect(ending.duration < .milliseconds(600))
                }
                try await proxy.listen()
                let call = await Ending {
                    try await client.execute(GET("absent", as: String.self), timeout: .seconds(20))
                }
                check(call.value, .some(nil))
                // The longest pause there is, and time for the handshake.
                #expect(call.duration < .milliseconds(2500))
                #expect(client.statistics.connects == 1)
            }
        }
    }

    @Test func `a server that closes or resets every connection is not hammered and not given up`() async throws {
        try await withProxy { proxy async throws in
            for behavior in [FaultProxy.Behavior.close, .reset, .cut(afterReplyBytes: 10)] {
                proxy.set(behavior, on: .new)
                try await withClient(proxy.configuration) { client async throws in
                    let before = proxy.statistics.accepted
                    let get = GET("absent", as: String.self)
                    let ending = await Ending { try await client.execute(get, timeout: .milliseconds(350)) }
                    #expect(ending.error?.code == .cannotConnect)
                    // Pauses of at least 25, 50, 100, 200 ms.
                    let attempts = proxy.statistics.accepted - before
                    #expect(attempts >= 2 && attempts <= 5)
                    proxy.set(.pass)
                    let call = await Ending { try await client.execute(get, timeout: .seconds(20)) }
                    check(call.value, .some(nil))
                }
            }
        }
    }

    @Test(arguments: [
        "-ERR unknown command 'HELLO'\r\n", "-NOPROTO unsupported protocol version\r\n", "-ERR Protocol version 3\r\n",
        "-NOPERM this user has no permissions to run the 'hello' command\r\n",
    ])
    func `a server that refuses HELLO is spoken to in RESP2, also after reconnecting`(_ refusal: String) async throws {
        let handshake = ScriptedServer.Handshake.standard.overriding { command in
            command.name == "HELLO" ? Answer(refusal) : nil
        }
        let server = try await ScriptedServer.start(handshake: handshake) { command in
            switch command.name {
            case "HGETALL": Answer("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n")
            case "GET": Answer("$-1\r\n")
            case "MGET": Answer("*2\r\n$1\r\nv\r\n$-1\r\n")
            default: Answer("*-1\r\n", closes: true)
            }
        }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.credentials = RedisCredentials(username: "user", password: "word")
        configuration.database = 2
        configuration.requiredCommands = ["hsetex"]
        try await withClient(configuration) { client async throws in
            for connects in 1...2 {
                #expect(try await client.execute(HGETALL("h", as: [String: Int].self)) == ["a": 1, "b": 2])
                #expect(try await client.execute(GET("k", as: String.self)) == nil)
                #expect(try await client.execute(MGET(["k", "l"], as: String.self)) == ["v", nil])
                #expect(client.server?.protocolVersion == 2)
                #expect(client.server?.supports("hsetex") == true)
                #expect(server.acceptedConnections == connects)
                let last = RawCommand("BYE", returning: [String]?.self)
                #expect(try await client.execute(last) == nil)
            }
            let words = server.allCommands.filter { $0.connection == 1 }.map(\.words)
            check(words.contains(["AUTH", "user", "word"]), true)
            check(words.contains(["SELECT", "2"]), true)
        }
    }
}

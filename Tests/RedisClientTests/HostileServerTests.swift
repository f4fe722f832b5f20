import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Testing

/// What a server must never be able to do: cross replies, crash the process, or have a cut reply taken for a whole one.
@Suite struct HostileServerTests {
    typealias Answer = ScriptedServer.Answer

    @Test func `a surplus reply closes the connection and is nobody's`() async throws {
        // The second reply to the first command must not become the answer to the second command.
        let server = try await ScriptedServer.start([[Answer("+first\r\n+surplus\r\n")], [Answer("+second\r\n")]])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self, isIdempotent: true)
            #expect(try await client.execute(ask) == "first")
            #expect(try await client.execute(ask) == "second")
            #expect(client.statistics.connects == 2)
        }
    }

    @Test func `an error line split by what it repeats does not shift replies`() async throws {
        // An old server repeats an argument with CR LF in it.
        let server = try await ScriptedServer.start([
            [Answer("-ERR unknown key 'a\r\n+injected\r\n'\r\n")], [Answer("+x\r\n")],
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self, isIdempotent: true)
            let error = await #expect(throws: RedisError.self) { try await client.execute(ask) }
            #expect(error?.serverError == "ERR")
            #expect(try await client.execute(ask) == "x")
        }
    }

    @Test(arguments: [
        "?what\r\n", "$-2\r\n", "*99999999999999999999\r\n", ":12x\r\n", "+a\nb\r\n", "$3\r\nabcde\r\n", "$+1\r\na\r\n",
        "%9223372036854775807\r\n", "#maybe\r\n", "_x\r\n", ".\r\n", ";1\r\n", "*1\r\n>1\r\n+x\r\n",
    ])
    func `bytes that are not RESP end the connection with a clear error`(_ bytes: String) async throws {
        let server = try await ScriptedServer.start([[Answer(bytes)], [Answer("+fine\r\n")]])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("ASK", returning: RESPValue.self))
            }
            #expect(error?.code == .protocolViolation)
            #expect(error?.delivery == .unknown)
            #expect(try await client.execute(RawCommand("ASK", returning: String.self)) == "fine")
        }
    }

    /// Closed after k bytes, for every k.
    @Test(arguments: ["$5\r\nhello\r\n", "*2\r\n:12\r\n$2\r\nab\r\n", "+12345\r\n", ":123\r\n"])
    func `a reply that is cut is an error and never a shorter value`(_ reply: String) async throws {
        let bytes = Array(reply.utf8)
        let cuts = (0..<bytes.count)
            .map { count -> [Answer] in [[.send(bytes.prefix(count)), .close]] }
        let server = try await ScriptedServer.start(cuts)
        defer { server.stop() }
        for _ in cuts {
            try await withClient(server.configuration) { client async throws in
                let error = await #expect(throws: RedisError.self) {
                    try await client.execute(RawCommand("ASK", returning: RESPValue.self))
                }
                #expect(error?.code == .connectionClosed)
                #expect(error?.delivery == .unknown)
            }
        }
    }

    @Test func `a pipeline that is cut keeps what was answered`() async throws {
        let server = try await ScriptedServer.start([[Answer("+one\r\n"), Answer("$3\r\ntw", closes: true)]])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self)
            let (first, second, third) = try await client.execute(pipeline: ask, ask, ask)
            #expect(try first.get() == "one")
            for result in [second, third] {
                let error = #expect(throws: RedisError.self) { try result.get() }
                #expect(error?.code == .connectionClosed)
                #expect(error?.delivery == .unknown)
            }
        }
    }

    @Test func `pushes between and within a pipeline's replies are not replies`() async throws {
        let push = ">2\r\n+invalidate\r\n*1\r\n+k\r\n"
        let server = try await ScriptedServer.start([
            [
                Answer(push + "+a\r\n" + push, "+b\r\n"), Answer(push), Answer("$1\r", "\nc\r\n" + push),
                Answer("+d\r\n"),
            ]
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self)
            let results = try await client.execute(pipeline: [ask, ask, ask])
            check(try results.map { try $0.get() }, ["a", "b", "c"])
            #expect(try await client.execute(ask) == "d")
            #expect(client.statistics.connects == 1)
        }
    }

    @Test func `a failed decoding in a pipeline does not shift the others`() async throws {
        let server = try await ScriptedServer.start([
            [Answer("*2\r\n+x\r\n*1\r\n:1\r\n", ":2\r\n"), Answer("-ERR no\r\n")]
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let (first, second, third) = try await client.execute(
                pipeline: RawCommand("A", returning: [Int].self),
                RawCommand("B", returning: Int.self),
                RawCommand("C", returning: Int.self)
            )
            #expect(throws: RedisError.self) { try first.get() }
            #expect(try second.get() == 2)
            #expect(throws: RedisError.self) { try third.get() }
        }
    }

    @Test func `a reply without end is given up at the limit`() async throws {
        // Each piece is within the limits of its kind; only their sum is not.
        let piece = "$1000\r\n" + String(repeating: "x", count: 1000) + "\r\n"
        let endless = ScriptedServer.Answer("*1000000\r\n" + String(repeating: piece, count: 200))
        let server = try await ScriptedServer.start([[endless], [Answer("+fine\r\n")]])
        defer { server.stop() }
        var configuration = server.configuration
        configuration.replyLimits.maximumReplyBytes = 100_000
        try await withClient(configuration) { client async throws in
            let error = await #expect(throws: RedisError.self) {
                try await client.execute(RawCommand("ASK", returning: [String].self))
            }
            #expect(error?.code == .protocolViolation)
            #expect(error?.message.contains("100000 bytes") == true)
            #expect(try await client.execute(RawCommand("ASK", returning: String.self)) == "fine")
        }
    }

    @Test func `a silent connection is given up and replaced`() async throws {
        let server = try await ScriptedServer.start([[], [Answer("+back\r\n")]])
        defer { server.stop() }
        var configuration = server.configuration
        configuration.commandTimeout = .milliseconds(200)
        try await withClient(configuration) { client async throws in
            let ask = RawCommand("ASK", returning: String.self, isIdempotent: true)
            let error = await #expect(throws: RedisError.self) { try await client.execute(ask) }
            #expect(error?.code == .timeout)
            #expect(try await client.execute(ask, timeout: .seconds(10)) == "back")
        }
    }
}

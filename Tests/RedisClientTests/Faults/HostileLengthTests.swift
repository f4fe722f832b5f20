import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Testing

/// Whatever a peer claims, the process lives, little memory is spent, and the
/// next command works on a new connection.
@Suite(.timeLimit(.minutes(1))) struct HostileLengthTests {
    typealias Answer = ScriptedServer.Answer

    /// A server that answers the first command with `bytes` and all others with `+fine`.
    private func meet(
        _ bytes: [UInt8],
        limits: RESPLimits = RESPLimits(),
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let server = try await ScriptedServer.start([[[.send(bytes)]], [Answer("+fine\r\n")]])
        defer { server.stop() }
        var configuration = server.configuration
        configuration.replyLimits = limits
        try await withClient(configuration) { client async throws in
            let start = String(decoding: bytes.prefix(40), as: UTF8.self)
            let ending = await Ending { try await client.execute(RawCommand("ASK", returning: RESPValue.self)) }
            #expect(ending.error?.code == .protocolViolation, "\(start): \(ending.result)", sourceLocation: location)
            let next = await Ending { try await client.execute(RawCommand("ASK", returning: String.self)) }
            #expect(next.value == "fine", "\(start)", sourceLocation: location)
            #expect(server.acceptedConnections == 2, sourceLocation: location)
        }
    }

    @Test(arguments: ["$", "*", "%", "~", ">", "|", "=", "!"])
    func `a length that makes no sense ends the connection`(_ type: String) async throws {
        let lengths = [
            "2147483648", "4294967296", "4611686018427387904", "9223372036854775807", "9223372036854775808",
            "18446744073709551616", "99999999999999999999", "-2", "-9223372036854775808", "+1", " 1", "1 ", "", "1x",
            "0x1",
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for length in lengths + (type == "$" || type == "*" ? [] : ["-1"]) {
                group.addTask { try await self.meet(Array("\(type)\(length)\r\n+x\r\n".utf8)) }
            }
            try await group.waitForAll()
        }
    }

    #if os(Linux)
    @Test func `memory is spent on bytes that have come, not on those announced`() async throws {
        let announced = [
            "$536870912\r\nabc", "*67108864\r\n+a\r\n", "%33554432\r\n+a\r\n", "~67108864\r\n", "|33554432\r\n",
        ]
        let before = residentBytes()
        for start in announced {
            let server = try await ScriptedServer.start([[Answer(start)]])
            defer { server.stop() }
            try await withClient(server.configuration) { client async throws in
                let ask = RawCommand("ASK", returning: RESPValue.self)
                let ending = await Ending { try await client.execute(ask, timeout: .milliseconds(60)) }
                #expect(ending.error?.code == .timeout)
                #expect(residentBytes() - before < 16 << 20)
            }
        }
    }
    #endif

    @Test(arguments: [
        "*1\r\n", "%1\r\n+k\r\n", "~1\r\n", "|1\r\n+k\r\n", "*?\r\n", "*2\r\n:1\r\n", "*1\r\n%1\r\n_\r\n",
    ])
    func `a million levels end the connection at the limit`(_ level: String) async throws {
        try await self.meet(Array(String(repeating: level, count: 1_000_000).utf8))
    }

    @Test func `the deepest nesting allowed is a value, one more is not`() async throws {
        let deepest = RESPLimits().maximumDepth
        let server = try await ScriptedServer.start { command in
            Answer(String(repeating: "*1\r\n", count: Int(command.words[1]) ?? 0) + ":1\r\n")
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let value = try await client.execute(RawCommand("ASK", deepest, returning: RESPValue.self))
            var expected = RESPValue.integer(1)
            for _ in 0..<deepest { expected = .array([expected]) }
            check(value, expected)
            let error = await Ending {
                try await client.execute(RawCommand("ASK", deepest + 1, returning: RESPValue.self))
            }
            .error
            #expect(error?.code == .protocolViolation)
        }
    }

    @Test(arguments: [
        ("$?\r\n", ";100\r\n" + String(repeating: "x", count: 100) + "\r\n"), ("*?\r\n", "$4\r\nabcd\r\n"),
        ("~?\r\n", ":1\r\n"), ("%?\r\n", "+k\r\n+v\r\n"), ("*?\r\n", "|1\r\n+a\r\n+b\r\n"),
    ])
    func `a streamed reply without end is given up at the limit`(_ start: String, _ piece: String) async throws {
        var limits = RESPLimits()
        limits.maximumBulkBytes = 50_000
        limits.maximumElements = 10_000
        limits.maximumReplyBytes = 100_000
        try await self.meet(Array((start + String(repeating: piece, count: 20_000)).utf8), limits: limits)
    }

    @Test(arguments: [".\r\n", ";3\r\nabc\r\n", "*?\r\n.x\r\n", "$?\r\n+x\r\n", "=?\r\n", "!?\r\n"])
    func `a stream that makes no sense ends the connection`(_ bytes: String) async throws {
        try await self.meet(Array(bytes.utf8))
    }
}

import NIOCore
import OxbowTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct ScriptedServerTests {
    typealias Answer = ScriptedServer.Answer

    private func withServer(
        handshake: ScriptedServer.Handshake = .none,
        answering answer: @escaping @Sendable (ScriptedServer.Command) -> Answer = { Answer("+\($0.number)\r\n") },
        _ body: (ScriptedServer, BareClient) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer.start(handshake: handshake, answering: answer)
        defer { server.stop() }
        try await withBareClient(server.port) { try await body(server, $0) }
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `commands are understood in any pieces`(_ size: Int) async throws {
        let bytes = Array(
            "*2\r\n$3\r\nGET\r\n$5\r\na\r\nb*\r\n*0\r\n*1\r\n$0\r\n\r\n*3\r\n$1\r\n\0\r\n$2\r\n$1\r\n$2\r\n\r\n\r\n"
                .utf8
        )
        try await self.withServer { server, client async throws in
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = bytes[start..<min(start + size, bytes.count)]
                try await client.send(String(decoding: piece, as: UTF8.self))
            }
            #expect(try await client.read(12) == "+0\r\n+1\r\n+2\r\n")
            #expect(server.commands.map(\.words) == [["GET", "a\r\nb*"], [""], ["\0", "$1", "\r\n"]])
            #expect(server.commands.map(\.number) == [0, 1, 2])
        }
    }

    @Test(arguments: ["PING\r\n", "*x\r\n", "*-1\r\n", "*99999999999\r\n", "*1\r\n$3\r\nabcde\r\n", "*1\r\n:1\r\n"])
    func `what is no command is refused and ends the connection`(_ bytes: String) async throws {
        try await self.withServer { server, client async throws in
            try await client.send(bytes)
            #expect(try await client.readToEnd().hasPrefix("-ERR Protocol error: "))
            #expect(server.commands.isEmpty)
        }
    }

    @Test func `an answer's steps are taken in order, those of later commands behind them`() async throws {
        let answers: @Sendable (ScriptedServer.Command) -> Answer = { command in
            command.name == "SLOW" ? [.send("+sl"), .wait(.milliseconds(50)), .send("ow\r\n")] : Answer("+fast\r\n")
        }
        try await self.withServer(answering: answers) { _, client async throws in
            let start = ContinuousClock.now
            try await client.send("*1\r\n$4\r\nslow\r\n*1\r\n$4\r\nFAST\r\n")
            #expect(try await client.read(3) == "+sl")
            #expect(try await client.read(11) == "ow\r\n+fast\r\n")
            #expect(start.duration(to: .now) >= .milliseconds(50))
        }
    }

    @Test func `an answer may close, reset, or never come`() async throws {
        let answers: @Sendable (ScriptedServer.Command) -> Answer = { command in
            switch command.name {
            case "CLOSE": Answer("+bye\r\n", closes: true)
            case "RESET": [.reset]
            default: .ignore
            }
        }
        for (name, reset) in [("CLOSE", false), ("RESET", true)] {
            try await self.withServer(answering: answers) { _, client async throws in
                try await client.send("*1\r\n$6\r\nIGNORE\r\n*1\r\n$5\r\n\(name)\r\n")
                #expect(try await client.readToEnd() == (reset ? "" : "+bye\r\n"))
                #expect(client.wasReset == reset)
            }
        }
    }

    @Test func `scripts are by connection, the last one for all further ones`() async throws {
        let server = try await ScriptedServer.start(
            [[Answer("+a\r\n"), Answer("+b\r\n")], [Answer("+c\r\n")]],
            handshake: .none
        )
        defer { server.stop() }
        for expected in ["+a\r\n+b\r\n", "+c\r\n", "+c\r\n"] {
            try await withBareClient(server.port) { client async throws in
                try await client.send("*1\r\n$1\r\nX\r\n*1\r\n$1\r\nX\r\n*1\r\n$1\r\nX\r\n")
                #expect(try await client.read(expected.utf8.count) == expected)
            }
        }
        #expect(server.acceptedConnections == 3)
        #expect(server.receivedCommands == 9)
    }

    @Test func `the handshake is answered and is no part of the script`() async throws {
        let handshake = ScriptedServer.Handshake.withoutHello.overriding { command in
            command.name == "SELECT" ? Answer("-ERR no\r\n") : nil
        }
        try await self.withServer(handshake: handshake) {
            server,
            client async throws in
            try await client.send("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n")
            try await client.send("*3\r\n$7\r\nCOMMAND\r\n$4\r\nINFO\r\n$3\r\nget\r\n*1\r\n$1\r\nX\r\n")
            try await eventually { client.received.hasSuffix("+0\r\n") }
            #expect(client.received.hasPrefix("-ERR unknown command 'HELLO'"))
            #expect(client.received.contains("-ERR no\r\n*1\r\n*2\r\n$3\r\nget\r\n:-1\r\n"))
            #expect(server.commands.map(\.name) == ["X"])
            #expect(server.allCommands.map(\.name) == ["HELLO", "SELECT", "COMMAND", "X"])
        }
    }

    @Test func `it speaks unasked`() async throws {
        try await self.withServer { server, client async throws in
            try await withBareClient(server.port) { other async throws in
                try await eventually { server.openConnections == 2 }
                server.send(.send("+one\r\n"), to: 0)
                server.send(.send("+all\r\n"), .close)
                #expect(try await client.readToEnd() == "+one\r\n+all\r\n")
                #expect(try await other.readToEnd() == "+all\r\n")
            }
        }
    }
}

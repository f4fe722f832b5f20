import NIOCore
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// Bytes that nobody has asked for.
///
/// What can be told from a reply is: whatever comes while nobody waits, or is none. (A surplus reply that comes while
/// others wait looks like theirs until the last one is over.)
@Suite(.timeLimit(.minutes(1))) struct SurplusReplyTests {
    typealias Answer = ScriptedServer.Answer

    private func ask(_ word: String = "x") -> RawCommand<String> {
        RawCommand("ASK", word, returning: String.self, isIdempotent: true)
    }

    @Test(arguments: ["+surplus\r\n", "$7\r\nsurplus\r\n", "*1\r\n+surplus\r\n", "-ERR surplus\r\n", "_\r\n", "\r\n"])
    func `a reply on an idle connection closes it and is nobody's`(_ surplus: String) async throws {
        let server = try await ScriptedServer.start { Answer("+\($0.words[1])\r\n") }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            #expect(try await client.execute(self.ask("a")) == "a")
            server.send(.send(surplus), to: 0)
            try await eventually("it is closed") { client.server == nil }
            #expect(try await client.execute(self.ask("b")) == "b")
            #expect(server.acceptedConnections == 2)
        }
    }

    @Test(arguments: ["+", "+sur", "$7\r\nsur", "*1\r\n", "*1\r\n+sur"])
    func `the start of a reply on an idle connection is not the start of the next caller's`(
        _ start: String
    ) async throws {
        // The rest comes with the next command's own reply.
        let server = try await ScriptedServer.start { command in
            guard command.connection == 0, command.number > 0 else { return Answer("+\(command.words[1])\r\n") }
            return Answer("plus\r\n+\(command.words[1])\r\n")
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            #expect(try await client.execute(self.ask("a")) == "a")
            let reads = client.statistics.reads
            server.send(.send(start), to: 0)
            try await eventually("it has come") { client.statistics.reads > reads || client.server == nil }
            #expect(try await client.execute(self.ask("b")) == "b")
        }
    }

    @Test func `a surplus reply behind a pipeline closes the connection`() async throws {
        let server = try await ScriptedServer.start([
            [Answer("+a\r\n"), Answer("+b\r\n"), Answer("+c\r\n+surplus\r\n"), Answer("+crossed\r\n")],
            [Answer("+own\r\n")],
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let results = try await client.execute(pipeline: [self.ask(), self.ask(), self.ask()])
            check(try results.map { try $0.get() }, ["a", "b", "c"])
            #expect(try await client.execute(self.ask()) == "own")
            #expect(server.acceptedConnections == 2)
        }
    }

    @Test(arguments: ["*2\r\n>1\r\n+x\r\n+y\r\n", "%1\r\n+k\r\n*2\r\n:1\r\n>2\r\n+a\r\n+b\r\n", "~1\r\n>0\r\n"])
    func `a push inside a reply closes the connection`(_ reply: String) async throws {
        let server = try await ScriptedServer.start([
            [Answer(reply + "+crossed\r\n"), Answer("+crossed\r\n")], [Answer("+own\r\n")],
        ])
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let tree = RawCommand("ASK", returning: RESPValue.self)
            let error = await Ending { try await client.execute(pipeline: [tree, tree, tree]) }.error
            #expect(error?.code == .protocolViolation)
            #expect(error?.delivery == .unknown)
            #expect(try await client.execute(self.ask()) == "own")
            #expect(server.acceptedConnections == 2)
        }
    }

    /// What an older server may repeat: the line after the split is no reply, and those whose replies lie
    /// behind it get none.
    @Test func `an error line split by what it repeats fails its neighbors, it does not shift them`() async throws {
        let server = try await ScriptedServer.start { command in
            if command.connection > 0 { return Answer("+own \(command.words[1])\r\n") }
            return command.number == 0
                ? [.wait(.milliseconds(60)), .send("-ERR unknown key 'a\r\nb'\r\n")] : Answer("+shifted\r\n")
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            let split = Task { try await client.execute(RawCommand("SPLIT", returning: String.self)) }
            try await eventually("it is on its way") { !server.commands.isEmpty }
            await withTaskGroup(of: Int.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        let call = await Ending { try await client.execute(self.ask("\(number)")) }
                        // Reads: each but the first is asked again, on the next connection.
                        if call.error?.code == .protocolViolation { return 1 }
                        check(call.value, "own \(number)")
                        return 0
                    }
                    group.addTask {
                        let write = RawCommand("WRITE", "\(number)", returning: String.self)
                        let error = await Ending { try await client.execute(write) }.error
                        #expect(error?.delivery == .unknown)
                        return error?.code == .protocolViolation ? 1 : 0
                    }
                }
                // What is wrong with the stream is said to the one whose reply should have stood there.
                let told = await group.reduce(0, +)
                #expect(told == 1)
            }
            // Its own reply was whole before the split showed.
            let error = await #expect(throws: RedisError.self) { try await split.value }
            #expect(error?.serverError == "ERR")
            #expect(server.acceptedConnections == 2)
        }
    }

    @Test func `what a real server repeats in an error is no reply`() async throws {
        try await withClient(configuration()) { client async throws in
            let evil = "NO\r\n+injected\r\n$-1\r\n"
            let (bad, echo, arguments, last) = try await client.execute(
                pipeline: RawCommand(evil, evil, returning: String.self),
                RawCommand("ECHO", "own", returning: String.self),
                RawCommand("CONFIG", evil, evil, returning: String.self),
                RawCommand("ECHO", "last", returning: String.self)
            )
            #expect(throws: RedisError.self) { try bad.get() }
            #expect(try echo.get() == "own")
            #expect(throws: RedisError.self) { try arguments.get() }
            #expect(try last.get() == "last")
            #expect(client.statistics.connects == 1)
        }
    }
}

extension RESPValue {
    fileprivate static func string(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }
}

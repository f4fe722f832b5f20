import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// What commands do to the connection is read from their words, whatever their types say.
@Suite(.timeLimit(.minutes(1))) struct ConnectionUseTests {
    /// A user's command that forgets to say what it does.
    private struct Forgetful: RedisCommand {
        typealias Response = RESPValue
        let words: [String]

        init(_ words: String...) { self.words = words }

        func encode(into buffer: inout ByteBuffer) {
            buffer.writeCommandHeader(count: self.words.count)
            for word in self.words { word.writeBulkString(into: &buffer) }
        }
    }

    /// A user's command whose bytes are not one command.
    private struct Broken: RedisCommand {
        typealias Response = RESPValue
        let bytes: String
        func encode(into buffer: inout ByteBuffer) { buffer.writeString(self.bytes) }
    }

    private static let harmful = [
        Forgetful("SUBSCRIBE", "a"), Forgetful("monitor"), Forgetful("CLIENT", "REPLY", "OFF"),
        Forgetful("client", "no-touch", "ON"), Forgetful("CLIENT", "NO-EVICT", "ON"),
        Forgetful("CLIENT", "SETNAME", "x"),
        Forgetful("SELECT", "1"), Forgetful("MULTI"), Forgetful("EXEC"), Forgetful("BLPOP", "k", "1"),
        Forgetful("XREAD", "BLOCK", "9", "STREAMS", "k", "$"), Forgetful("WAIT", "1", "100"), Forgetful("ASKING"),
    ]

    private func expectRefusal(_ command: some RedisCommand, _ client: RedisClient) async throws {
        let error = await #expect(throws: RedisError.self) { try await client.execute(command) }
        #expect(error?.code == .exclusiveCommand)
        #expect(error?.delivery == .notSent)
        let commands = [Forgetful("PING"), Forgetful("PING")]
        #expect(try await client.execute(pipeline: commands).count == 2)
    }

    @Test func `a type that forgets what it does to the connection cannot shift others' replies`() async throws {
        try await withClient(configuration()) { client async throws in
            let key = "use:\(UInt64.random(in: 0 ... .max))"
            _ = try await client.execute(SET(key, "mine"))
            for command in Self.harmful {
                async let other = client.execute(GET(key, as: String.self))
                try await self.expectRefusal(command, client)
                #expect(try await other == "mine")
                let pipeline = [Forgetful("PING"), command, Forgetful("PING")]
                let error = await #expect(throws: RedisError.self) { try await client.execute(pipeline: pipeline) }
                #expect(error?.code == .exclusiveCommand)
            }
            #expect(client.statistics.connects == 1)
        }
    }

    @Test(arguments: [
        "*2\r\n$3\r\nGET\r\n$5\r\nab\r\n", "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nPING\r\n",
        "PING\r\n", "",
        "*1\r\n$99999999999999999999\r\nPING\r\n", "*0\r\n", "*1\r\n$4\r\nPINGPING",
    ])
    func `bytes that are not one command are refused`(_ bytes: String) async throws {
        try await withClient(configuration()) { client async throws in
            try await self.expectRefusal(Broken(bytes: bytes), client)
            let own = await #expect(throws: RedisError.self) {
                try await client.withConnection { _ = try await $0.execute(Broken(bytes: bytes)) }
            }
            #expect(own?.code == .exclusiveCommand)
            #expect(client.statistics.connects <= 2)
        }
    }

    @Test func `a connection that a command has changed goes to no other caller`() async throws {
        try await withClient(configuration()) { client async throws in
            let id = RawCommand("CLIENT", "ID", returning: Int.self)
            let first = try await client.withConnection { try await $0.execute(id) }
            let second = try await client.withConnection { connection in
                _ = try await connection.execute(Forgetful("CLIENT", "NO-TOUCH", "ON"))
                return try await connection.execute(id)
            }
            let third = try await client.withConnection { connection in
                // What follows is no excuse: the strictest use counts.
                let both = [Forgetful("CLIENT", "SETNAME", "x"), Forgetful("BLPOP", "use:none", "0.01")]
                _ = try await connection.execute(pipeline: both)
                return try await connection.execute(id)
            }
            let fourth = try await client.withConnection { try await $0.execute(id) }
            #expect(first == second)
            #expect(third != second)
            #expect(fourth != third)
        }
    }

    @Test func `WAIT needs a connection that has written`() async throws {
        try await withClient(configuration()) { client async throws in
            let wait = RawCommand("WAIT", 0, 100, returning: Int.self)
            let error = await #expect(throws: RedisError.self) { try await client.execute(wait) }
            #expect(error?.code == .exclusiveCommand)
            #expect(error?.message.contains("withConnection") == true)
            let count = try await client.withConnection { connection in
                _ = try await connection.execute(SET("use:wait", 1))
                return try await connection.execute(wait)
            }
            #expect(count == 0)
        }
    }

    @Test func `the server's time is read from the words`() {
        typealias Raw = RawCommand<RESPValue>
        #expect(Raw("BLPOP", "a", "b", 7).connectionUse == .blocking(upTo: .seconds(7)))
        #expect(Raw("bzpopmin", "a", "0.25").connectionUse == .blocking(upTo: .milliseconds(250)))
        #expect(Raw("BLMPOP", 3, 1, "a", "LEFT").connectionUse == .blocking(upTo: .seconds(3)))
        #expect(Raw("BRPOP", "a", 0).connectionUse == .blocking(upTo: nil))
        #expect(
            Raw("XREAD", "COUNT", 1, "block", 1500, "STREAMS", "s", "$").connectionUse == .blocking(upTo: .seconds(1.5))
        )
        let group = Raw("XREADGROUP", "GROUP", "block", "7", "BLOCK", 50, "STREAMS", "s", ">")
        #expect(group.connectionUse == .blocking(upTo: .milliseconds(50)))
        #expect(Raw("XREAD", "STREAMS", "BLOCK", "1").connectionUse == .shared)
        #expect(Raw("GET", "BLPOP").connectionUse == .shared)
        #expect(Raw("CLIENT", "LIST").connectionUse == .shared)
        #expect(Raw("CLIENT", "GETNAME").connectionUse == .shared)
    }

    @Test func `a raw command blocks for its whole time`() async throws {
        var configuration = try await configuration()
        configuration.commandTimeout = .milliseconds(300)
        try await withClient(configuration) { client async throws in
            let start = ContinuousClock.now
            let command = RawCommand("BLPOP", "use:\(UInt64.random(in: 0 ... .max))", 1, returning: RESPValue.self)
            #expect(try await client.execute(command) == .null)
            #expect(start.duration(to: .now) > .milliseconds(900))
        }
    }
}

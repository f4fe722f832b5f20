import NIOCore
import OxbowTesting
import RESP
import RedisClient
import TestServers
import Testing

/// A caller gives up, and the reply that comes all the same is nobody's.
///
/// `ReplyIntegrityTests` has them in great number.
@Suite(.timeLimit(.minutes(1))) struct DesyncTests {
    typealias Answer = ScriptedServer.Answer

    /// SLOW is answered late in one piece, HALF late in its second half; everything else at once by its last word.
    private func withSlowServer(_ body: (RedisClient, ScriptedServer) async throws -> Void) async throws {
        let server = try await ScriptedServer.start { command in
            switch command.name {
            case "SLOW": [.wait(.milliseconds(150)), .send("$4\r\nslow\r\n")]
            case "HALF": [.send("$4\r\nha"), .wait(.milliseconds(150)), .send("lf\r\n")]
            default: Answer("+\(command.words.last ?? "")\r\n")
            }
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            try await body(client, server)
            #expect(client.statistics.connects == 1)
        }
    }

    private func say(_ word: String) -> RawCommand<String> { RawCommand("SAY", word, returning: String.self) }

    @Test(arguments: ["SLOW", "HALF"])
    func `a reply that comes too late is not the next caller's`(_ name: String) async throws {
        try await self.withSlowServer { client, server async throws in
            for round in 0..<3 {
                let late = RawCommand(name, returning: String.self)
                let error = await Ending { try await client.execute(late, timeout: .milliseconds(40)) }.error
                #expect(error?.code == .timeout)
                // On its way when the late reply comes.
                let next = await Ending { try await client.execute(self.say("own \(round)")) }
                check(next.value, "own \(round)")
                #expect(next.duration > .milliseconds(50))
            }
        }
    }

    @Test(arguments: ["SLOW", "HALF"])
    func `replies of a pipeline that come too late are not the next callers'`(_ name: String) async throws {
        try await self.withSlowServer { client, server async throws in
            let commands = [self.say("a"), RawCommand(name, returning: String.self), self.say("b")]
            let error = await Ending { try await client.execute(pipeline: commands, timeout: .milliseconds(40)) }.error
            #expect(error?.code == .timeout)
            let results = try await client.execute(pipeline: ["x", "y", "z"].map { self.say($0) })
            check(try results.map { try $0.get() }, ["x", "y", "z"])
        }
    }

    @Test(arguments: ["SLOW", "HALF"])
    func `a reply to a cancelled caller is not the next caller's`(_ name: String) async throws {
        try await self.withSlowServer { client, server async throws in
            let call = Task { try await client.execute(RawCommand(name, returning: String.self)) }
            try await eventually("it has arrived") { !server.commands.isEmpty }
            call.cancel()
            let start = ContinuousClock.now
            await #expect(throws: CancellationError.self) { try await call.value }
            #expect(start.duration(to: .now) < .milliseconds(120))
            #expect(try await client.execute(self.say("own")) == "own")
        }
    }

    /// The socket takes nothing more: the first large value is half written, what comes behind it not at all.
    @Test func `callers that give up before or amid writing leave their neighbors alone`() async throws {
        try await withProxy { proxy async throws in
            let key = "desync:\(UInt64.random(in: 0 ... .max))"
            try await withClient(proxy.configuration) { client async throws in
                #expect(try await client.execute(self.echo("first")) == "first")
                proxy.set(.blackhole)
                let large = ByteBuffer(repeating: 0x61, count: 12 << 20)
                let flushes = client.statistics.flushes
                let halfWritten = Task { try await client.execute(SET(key, large, milliseconds: 60_000)) }
                try await eventually("the large value is on its way") { client.statistics.flushes > flushes }
                let commands = client.statistics.commands
                async let neighbor = client.execute(self.echo("neighbor"))
                let unwritten = (0..<10)
                    .map { number in
                        Task { try await client.execute(self.echo("\(number)")) }
                    }
                async let impatient = Ending {
                    try await client.execute(self.echo("impatient"), timeout: .milliseconds(60))
                }
                async let behind = client.execute(RawCommand("STRLEN", key, returning: Int.self))
                try await Task.sleep(for: .milliseconds(100))
                #expect(client.statistics.commands == commands, "they have been written")
                for call in [halfWritten] + unwritten { call.cancel() }
                for call in [halfWritten] + unwritten {
                    await #expect(throws: CancellationError.self) { try await call.value }
                }
                #expect(await impatient.error?.code == .timeout)
                proxy.set(.pass)
                #expect(try await neighbor == "neighbor")
                let length = try await behind
                #expect(length == 0 || length == large.readableBytes)
                #expect(try await client.execute(self.echo("last")) == "last")
                #expect(try await client.execute(RawCommand("STRLEN", key, returning: Int.self)) == large.readableBytes)
                #expect(client.statistics.connects == 1)
                _ = try await client.execute(RawCommand("DEL", key, returning: Int.self))
            }
        }
    }

    @Test func `callers that give up amid reading leave their neighbors alone`() async throws {
        try await withProxy { proxy async throws in
            try await withClient(proxy.configuration) { client async throws in
                #expect(try await client.execute(self.echo("first")) == "first")
                let before = proxy.statistics.replyBytes
                var behavior = FaultProxy.Behavior.pass
                behavior.replies.sliceBytes = 1
                behavior.replies.slicePause = .milliseconds(5)
                proxy.set(behavior)
                let halfRead = Task { try await client.execute(self.echo("half read")) }
                let unread = Task { try await client.execute(self.echo("not read")) }
                async let neighbor = client.execute(self.echo("neighbor"))
                try await eventually("some of it has come") { proxy.statistics.replyBytes > before + 4 }
                halfRead.cancel()
                unread.cancel()
                await #expect(throws: CancellationError.self) { try await halfRead.value }
                await #expect(throws: CancellationError.self) { try await unread.value }
                #expect(proxy.statistics.replyBytes < before + 15, "it was read by then")
                proxy.set(.pass)
                #expect(try await neighbor == "neighbor")
                #expect(client.statistics.connects == 1)
            }
        }
    }

    private func echo(_ word: String) -> RawCommand<String> { RawCommand("ECHO", word, returning: String.self) }
}

import OxbowTesting
import RESP
import RedisClient
import Testing

/// A command that cannot be sent leaves nothing on the wire.
///
/// Encoding itself cannot fail; what can be refused is a command or pipeline that is too large, or one that would
/// change the shared connection.
@Suite(.timeLimit(.minutes(1))) struct RefusedCommandTests {
    typealias Answer = ScriptedServer.Answer

    private func say(_ word: String) -> RawCommand<String> { RawCommand("SAY", word, returning: String.self) }

    @Test(arguments: ["too large", "too many", "exclusive"])
    func `a refused pipeline sends nothing and its neighbors are right`(_ kind: String) async throws {
        let server = try await ScriptedServer.start { Answer("+\($0.words[1])\r\n") }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.maximumCommandBytes = 2000
        try await withClient(configuration) { client async throws in
            try await eventually("connected") { client.server != nil }
            let refused =
                switch kind {
                // The fifth of ten, where four fit.
                case "too large":
                    (0..<10).map { self.say($0 == 4 ? "BAD" + String(repeating: "x", count: 2000) : "BAD\($0)") }
                case "too many": (0..<200).map { self.say("BAD\($0)") }
                default:
                    (0..<10)
                        .map { $0 == 4 ? RawCommand("SELECT", "BAD", returning: String.self) : self.say("BAD\($0)") }
                }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        if number == 4 {
                            let error = await Ending { try await client.execute(pipeline: refused) }.error
                            #expect(error?.code == (kind == "exclusive" ? .exclusiveCommand : .commandTooLarge))
                            #expect(error?.delivery == .notSent)
                        } else {
                            let words = ["own \(number)", "also \(number)"]
                            let results = try await client.execute(pipeline: words.map { self.say($0) })
                            check(try results.map { try $0.get() }, words)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.execute(self.say("last")) == "last")
            #expect(client.statistics.connects == 1)
        }
        check(server.commands.count, 19)
        check(server.commands.contains { $0.words.contains { $0.contains("BAD") } }, false)
    }
}

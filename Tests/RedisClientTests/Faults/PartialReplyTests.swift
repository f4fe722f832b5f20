import NIOCore
import OxbowTesting
import RESP
import RedisClient
import Testing

/// Replies that come in pieces, through the whole client.
@Suite(.timeLimit(.minutes(2))) struct PartialReplyTests {
    typealias Answer = ScriptedServer.Answer

    /// One of each type of both versions of the protocol.
    private static let simple = [
        "+ok\r\n", "+\r\n", "-ERR no\r\n", ":-12\r\n", "$5\r\nhe\r\no\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n",
        "*0\r\n",
        "_\r\n", "#t\r\n", ",1.5\r\n", ",-inf\r\n", "(12345678901234567890\r\n", "!5\r\nERR x\r\n", "=7\r\ntxt:abc\r\n",
        "$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n",
    ]

    /// Each by itself and three levels deep in an array, a map, a set, a streamed array, and behind an attribute.
    static let replies: [String] =
        simple
        + simple.map { "*2\r\n%1\r\n+k\r\n~2\r\n\($0):1\r\n+end\r\n" }
        + [
            "*?\r\n*1\r\n%1\r\n$1\r\nk\r\n|1\r\n+a\r\n:1\r\n~1\r\n:7\r\n.\r\n",
            "%?\r\n+a\r\n*2\r\n:1\r\n*1\r\n_\r\n.\r\n",
        ]

    @Test func `a reply cut at any byte is the same reply`() async throws {
        let replies = Self.replies.map { Array($0.utf8) }
        let pause = Duration.microseconds(250)
        // The second word chooses the reply, the third where it is cut: 0 nowhere, -1 everywhere.
        let server = try await ScriptedServer.start { command in
            let bytes = replies[Int(command.words[1]) ?? 0]
            switch Int(command.words[2]) ?? 0 {
            case 0: return [.send(bytes)]
            case -1: return .slices(bytes, of: 1, pausing: pause)
            case let cut: return [.send(bytes[..<cut]), .wait(pause), .send(bytes[cut...])]
            }
        }
        defer { server.stop() }
        try await withClient(server.configuration) { client async throws in
            var pieces = 0
            for (number, bytes) in replies.enumerated() {
                let whole = try await self.outcome(RawCommand("ASK", number, 0, returning: RESPValue.self), client)
                pieces += 1
                for cut in [-1] + Array(1..<bytes.count) {
                    let ask = RawCommand("ASK", number, "\(cut)", returning: RESPValue.self)
                    check(try await self.outcome(ask, client), whole)
                    pieces += cut < 0 ? bytes.count : 2
                }
            }
            // Otherwise the pieces were put together on the way, and this has shown nothing.
            #expect(client.statistics.reads > UInt64(pieces * 8 / 10))
            #expect(client.statistics.connects == 1)
        }
    }

    /// The value, or the server's words.
    private func outcome(_ command: RawCommand<RESPValue>, _ client: RedisClient) async throws -> String {
        do {
            return "\(try await client.execute(command))"
        } catch let error as RedisError where error.code == .server {
            return "\(error.serverError): \(error.message)"
        }
    }

    /// Each slice is sent when the one before has been read, so that none are put together on the way.
    @Test func `a long reply in small slices takes time in proportion to its length`() async throws {
        let server = try await ScriptedServer.start { _ in .ignore }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.commandTimeout = .seconds(50)
        try await withClient(configuration) { client async throws in
            func fastest(of attempts: Int, elements count: Int) async throws -> Duration {
                let elements = (0..<count).map { 10_000 + $0 % 90_000 }
                let bytes = Array("*\(count)\r\n\(elements.map { "$5\r\n\($0)\r\n" }.joined())".utf8)
                let slices = Answer.slices(bytes, of: 1000).actions
                var fastest = Duration.seconds(1000)
                for _ in 0..<attempts {
                    let asked = server.commands.count
                    let call = Task { try await client.execute(RawCommand("ASK", returning: [Int].self)) }
                    try await eventually("it has asked") { server.commands.count > asked }
                    let start = ContinuousClock.now
                    for slice in slices {
                        let reads = client.statistics.reads
                        server.send(slice)
                        while client.statistics.reads == reads, start.duration(to: .now) < .seconds(50) {
                            await Task.yield()
                        }
                    }
                    let value = try await call.value
                    fastest = min(fastest, start.duration(to: .now))
                    check(value, elements)
                }
                return fastest
            }
            let short = try await fastest(of: 3, elements: 50_000)
            let long = try await fastest(of: 2, elements: 200_000)
            // Four times the length: 4 times the work if linear, 16 times if each slice were scanned from the start.
            // Below some tenths of a second the machine's own ways weigh more than the work.
            #expect(long < max(short * 10, .milliseconds(400)), "\(short) \(long)")
            print("partial replies: 50,000 elements in \(short), 200,000 in \(long)")
        }
    }
}

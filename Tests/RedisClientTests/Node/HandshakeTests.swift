import OxbowTesting
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

/// How many round trips it takes until a connection can be used, and what each kind of connection asks for.
@Suite(.timeLimit(.minutes(1))) struct HandshakeTests {
    typealias Answer = ScriptedServer.Answer

    private static let scripts = (0..<10).map { Script("return \($0)") }

    /// Regression: each script was loaded in a round trip of its own.
    @Test func `a connection takes two round trips, whatever is preloaded`() async throws {
        let waiting = Mutex(0)
        let server = try await ScriptedServer.start(
            handshake: .standard.overriding { command in
                switch command.name {
                case "HELLO": return nil
                case "GET": return nil
                case "INFO":
                    // Nothing is answered before all has come.
                    let count = waiting.withLock { $0 }
                    return Answer(String(repeating: "+OK\r\n", count: count) + "$0\r\n\r\n")
                default:
                    waiting.withLock { $0 += 1 }
                    return .ignore
                }
            }
        ) { _ in Answer("$1\r\nv\r\n") }
        defer { server.stop() }
        var configuration = server.configuration
        configuration.database = 3
        configuration.requiredCommands = ["hexpire"]
        configuration.preloadedScripts = Self.scripts
        configuration.tracksKeys = true
        try await withClient(configuration) { client async throws in
            #expect(try await client.execute(GET("k", as: String.self)) == "v")
        }
        // SELECT, SETINFO twice, TRACKING, the scripts, COMMAND INFO.
        #expect(waiting.withLock { $0 } == 1 + 2 + 1 + Self.scripts.count + 1)
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `an exclusive connection repeats only what belongs to a connection`(_ kind: ServerProcess.Kind) async throws {
        let server = try await ServerProcess.start(kind)
        defer { server.stop() }
        var configuration = configuration(for: server)
        configuration.database = 2
        configuration.requiredCommands = ["hexpire"]
        configuration.preloadedScripts = Self.scripts
        try await withClient(configuration) { client async throws in
            try await eventually("connected") { client.server != nil }
            #expect(try server.calls(of: "script|load") == Self.scripts.count)
            #expect(try server.calls(of: "command|info") == 1)
            let database = try await client.withConnection { connection in
                try await connection.execute(RawCommand("CLIENT", "INFO", returning: String.self))
            }
            #expect(database.contains(" db=2 "))
            #expect(try server.calls(of: "script|load") == Self.scripts.count)
            #expect(try server.calls(of: "command|info") == 1)
        }
    }
}

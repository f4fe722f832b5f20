import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// The servers that all commands are tried on: both kinds in both protocol versions.
enum CommandServer: String, CaseIterable, Sendable {
    case redis, redisInRESP2, valkey, valkeyInRESP2

    private static let withoutHELLO = ["rename-command HELLO \"\""]
    private static let redisRESP2 = Task { try await ServerProcess.start(.redis, settings: withoutHELLO) }
    private static let valkeyRESP2 = Task { try await ServerProcess.start(.valkey, settings: withoutHELLO) }

    private var process: ServerProcess {
        get async throws {
            switch self {
            case .redis: try await SharedServers.shared.server(.redis)
            case .valkey: try await SharedServers.shared.server(.valkey)
            case .redisInRESP2: try await Self.redisRESP2.value
            case .valkeyInRESP2: try await Self.valkeyRESP2.value
            }
        }
    }

    var isRedis: Bool { self == .redis || self == .redisInRESP2 }
    var isRESP3: Bool { self == .redis || self == .valkey }

    /// Runs `body` with a client and a key that nobody else uses.
    func run(database: Int = 0, _ body: (CommandTable, String) async throws -> Void) async throws {
        var configuration = configuration(for: try await self.process)
        configuration.database = database
        try await withClient(configuration) { client async throws in
            try await body(CommandTable(client: client), "command:\(UInt64.random(in: 0 ... .max)):")
            // A client that fell back to RESP2, or did not, would make the whole run worthless.
            check(client.server?.protocolVersion, self.isRESP3 ? 3 : 2)
        }
    }
}

/// Commands with the answers expected, a line each.
struct CommandTable: Sendable {
    let client: RedisClient

    func expect<Command: RedisCommand>(
        _ command: Command,
        _ expected: Command.Response,
        _ location: SourceLocation = #_sourceLocation
    ) async throws where Command.Response: Equatable {
        do {
            let answer = try await self.client.execute(command)
            #expect(answer == expected, "\(command)", sourceLocation: location)
        } catch {
            Issue.record("\(command): \(error)", sourceLocation: location)
        }
    }

    /// For answers without an order.
    func expect<Command: RedisCommand, Element: Comparable>(
        sorted command: Command,
        _ expected: [Element],
        _ location: SourceLocation = #_sourceLocation
    ) async throws where Command.Response == [Element] {
        let answer = try await self.client.execute(command).sorted()
        #expect(answer == expected, "\(command)", sourceLocation: location)
    }

    /// For answers that depend on time or chance.
    func expect<Command: RedisCommand>(
        _ command: Command,
        where isRight: (Command.Response) -> Bool,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await self.client.execute(command)
        let holds = isRight(answer)
        #expect(holds, "\(command): \(answer)", sourceLocation: location)
    }

    /// A server's error is a typed one that says the command was not carried out.
    func refuse(
        _ command: some RedisCommand,
        _ prefix: String = "ERR",
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        do {
            let answer = try await self.client.execute(command)
            Issue.record("\(command) was answered \(answer)", sourceLocation: location)
        } catch let error as RedisError {
            #expect(error.code == .server, "\(command)", sourceLocation: location)
            #expect(error.serverError == prefix, "\(command)", sourceLocation: location)
            #expect(error.delivery == .refused, "\(command)", sourceLocation: location)
        }
    }
}

/// A command's words, spaces in between; also checks that the header counts them.
func wire(_ command: some RedisCommand, _ location: SourceLocation = #_sourceLocation) -> String {
    var buffer = ByteBuffer()
    command.encode(into: &buffer)
    var reader = RESPReader(buffer)
    do {
        let words = try [String](from: &reader)
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd, "more words than counted", sourceLocation: location)
        return words.joined(separator: " ")
    } catch {
        Issue.record("\(error)", sourceLocation: location)
        return ""
    }
}

/// Decodes a reply written with `\n` for its line ends.
func decoded<Value: RESPDecodable>(_ text: String, as: Value.Type = Value.self) throws -> Value {
    var reader = RESPReader(ByteBuffer(string: text.replacing("\n", with: "\r\n")))
    let value = try Value(from: &reader)
    let isAtEnd = reader.isAtEnd
    #expect(isAtEnd)
    return value
}

import NIOCore
import RESP

/// The first commands on a new connection: protocol, authentication, database, name of the library, abilities.
struct Handshake: Sendable {
    let configuration: RedisClientConfiguration
    let handler: NIOLoopBound<ConnectionHandler>

    /// What the library calls itself in CLIENT SETINFO.
    static let libraryName = "oxbow"
    static let libraryVersion = "0.1.0"

    /// - Throws: ``RedisError``: `cannotConnect` with the server's reason, `unsupportedServer`, `connectionClosed`.
    func perform() async throws -> ServerInfo {
        var server = try await self.agreeOnProtocol()
        try await self.checkRole(&server)
        try await self.selectDatabase()
        try await self.allowReads()
        try await self.setUp(&server)
        return server
    }

    /// Names the library, turns tracking on, asks for identity and commands, and loads scripts, in one round trip.
    ///
    /// A server may refuse each of these; the connection works without.
    private func setUp(_ server: inout ServerInfo) async throws {
        var commands: [any RedisCommand] = [("LIB-NAME", Self.libraryName), ("LIB-VER", Self.libraryVersion)]
            .map { RawCommand<RESPValue>("CLIENT", "SETINFO", $0, $1) }
        if self.configuration.tracksKeys, server.protocolVersion == 3 {
            // Without it CLIENT CACHING is refused, which tells callers that there is no tracking.
            commands.append(RawCommand<RESPValue>("CLIENT", "TRACKING", "ON", "OPTIN"))
        }
        // A server that refuses these gets them one by one later.
        let scripts = commands.count..<commands.count + self.configuration.preloadedScripts.count
        commands += self.configuration.preloadedScripts.map { RawCommand<RESPValue>("SCRIPT", "LOAD", $0.source) }
        let names = self.configuration.requiredCommands + self.configuration.probedCommands
        if !names.isEmpty { commands.append(CommandInfo(names: names)) }
        // Only where it matters whether this is the server of a moment ago.
        if self.configuration.tracksKeys { commands.append(RawCommand<RESPValue>("INFO", "server", "replication")) }
        var answers = try await self.request(commands)
        server.refusesScripts = answers[scripts]
            .contains { answer in
                guard case .error(let refusal) = answer else { return false }
                return refusal.prefix == "NOPERM" || refusal.message.hasPrefix("ERR unknown command")
            }
        if self.configuration.tracksKeys, let info = answers.popLast()?.text {
            server.identity = ServerInfo.identity(in: info)
        }
        if !names.isEmpty, let answer = answers.last { try self.check(answer, to: names, &server) }
    }

    private func agreeOnProtocol() async throws -> ServerInfo {
        let hello =
            if let credentials = self.configuration.credentials {
                RawCommand<RESPValue>("HELLO", 3, "AUTH", credentials.username ?? "default", credentials.password)
            } else {
                RawCommand<RESPValue>("HELLO", 3)
            }
        let answer = try await self.request(hello, isFirst: true)
        guard case .error(let refusal) = answer else {
            return ServerInfo(
                name: answer.field("server") ?? "redis",
                version: answer.field("version") ?? "unknown",
                protocolVersion: Int(answer.field("proto") ?? "") ?? 3,
                role: ServerInfo.Role(said: answer.field("role"))
            )
        }
        if ["WRONGPASS", "NOAUTH"].contains(refusal.prefix) || refusal.message.contains("max number of clients") {
            throw self.failure("the handshake was refused", refusal)
        }
        // RESP2: the server, or a proxy before it, does not know HELLO.
        if let credentials = self.configuration.credentials {
            let auth =
                if let username = credentials.username {
                    RawCommand<RESPValue>("AUTH", username, credentials.password)
                } else {
                    RawCommand<RESPValue>("AUTH", credentials.password)
                }
            if case .error(let refusal) = try await self.request(auth) {
                throw self.failure("authentication was refused", refusal)
            }
        }
        var server = ServerInfo(name: "redis", version: "unknown", protocolVersion: 2)
        switch try await self.request(RawCommand<RESPValue>("INFO", "server")) {
        case .string(let text):
            for line in String(buffer: text).split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { continue }
                if parts[0] == "redis_version", server.name == "redis" { server.version = String(parts[1]) }
                if parts[0] == "valkey_version" {
                    server.name = "valkey"
                    server.version = String(parts[1])
                }
            }
        case .error(let refusal) where refusal.prefix == "NOAUTH":
            throw self.failure("the server wants a password", refusal)
        default: break
        }
        return server
    }

    /// HELLO tells the role; where there is no HELLO, ROLE does.
    private func checkRole(_ server: inout ServerInfo) async throws {
        guard let required = self.configuration.requiredRole else { return }
        if server.role == nil, case .array(let answer) = try await self.request(RawCommand<RESPValue>("ROLE")) {
            server.role = ServerInfo.Role(said: answer.first?.text)
        }
        // A server that refuses to say is found out by its answers.
        guard let role = server.role, role != required else { return }
        throw RedisError(
            .cannotConnect,
            "\(self.configuration.address) is a \(role.rawValue), not a \(required.rawValue)"
        )
    }

    private func selectDatabase() async throws {
        guard self.configuration.database > 0 else { return }
        if case .error(let refusal) = try await self.request(
            RawCommand<RESPValue>("SELECT", self.configuration.database)
        ) {
            throw self.failure("database \(self.configuration.database) cannot be selected", refusal)
        }
    }

    /// A cluster's replica answers reads only to those who say that they know what it is.
    private func allowReads() async throws {
        guard case .cluster = self.configuration.topology, self.configuration.requiredRole == .replica else { return }
        if case .error(let refusal) = try await self.request(RawCommand<RESPValue>("READONLY")) {
            throw self.failure("reading from a replica was refused", refusal)
        }
    }

    /// Notes which commands the server knows.
    private func check(_ answer: RESPValue, to names: [String], _ server: inout ServerInfo) throws {
        let required = self.configuration.requiredCommands
        // A server that refuses to say is taken at its word later, command by command.
        guard case .array(let infos) = answer, infos.count == names.count else { return }
        let known = zip(names, infos).filter { $0.1 != .null && $0.1 != .array([]) }.map(\.0)
        server.commands = Set(known)
        let missing = required.filter { !known.contains($0) }
        guard missing.isEmpty else {
            let list = missing.map { $0.uppercased() }.joined(separator: ", ")
            throw RedisError(
                .unsupportedServer,
                "\(server.name) \(server.version) at \(self.configuration.address) does not know \(list); "
                    + "Redis 7.4 or later, or Valkey 9 or later, is needed"
            )
        }
    }

    private func failure(_ what: String, _ reply: ErrorReply) -> RedisError {
        RedisError(
            .cannotConnect,
            "\(self.configuration.address): \(what): \(RedisError.safeText(of: reply))",
            serverError: reply.description
        )
    }

    private func request(_ command: RawCommand<RESPValue>, isFirst: Bool = false) async throws -> RESPValue {
        try await self.request([command], isFirst: isFirst)[0]
    }

    /// Sends commands in one piece.
    ///
    /// - Returns: a reply for each, errors included.
    func request(_ commands: [any RedisCommand], isFirst: Bool = false) async throws -> [RESPValue] {
        var words = ByteBuffer()
        for command in commands { command.encodeInFull(into: &words) }
        let handler = self.handler
        let replies = await Caller.suspend { [words] caller in
            let slot = Slot(caller, deadline: .max, expected: commands.count)
            handler.eventLoop.execute { handler.value.sendDirectly(words, slot) }
        }
        if let failure = replies.failure {
            let hint = isFirst ? self.configuration.hint(after: failure) : ""
            throw RedisError(
                .cannotConnect,
                "\(self.configuration.address): the connection ended during the handshake: \(failure.message)\(hint)",
                cause: failure
            )
        }
        var reader = RESPReader(replies.bytes)
        return try commands.map { _ in try RESPValue(from: &reader) }
    }
}

/// `COMMAND INFO` for some commands.
private struct CommandInfo: RedisCommand {
    typealias Response = RESPValue
    let names: [String]

    func addKeys(to keys: inout CommandKeys) {}

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.names.count + 2)
        for word in ["COMMAND", "INFO"] + self.names { word.writeBulkString(into: &buffer) }
    }
}

extension ServerInfo {
    /// The run id and the replication id in an answer to INFO; `nil` unless both are there.
    static func identity(in info: String) -> String? {
        let ids = info.split(whereSeparator: \.isNewline)
            .filter { $0.hasPrefix("run_id:") || $0.hasPrefix("master_replid:") }
            .map { $0.drop { $0 != ":" }.dropFirst() }
        return ids.count == 2 ? ids.joined(separator: " ") : nil
    }
}

extension ServerInfo.Role {
    /// The role as servers spell it, `slave` included.
    init?(said text: String?) {
        switch text {
        case "master": self = .master
        case "replica", "slave": self = .replica
        default: return nil
        }
    }
}

extension RESPValue {
    /// The text of a map's value, whether the map came as one (RESP3) or as pairs in a row (RESP2).
    func field(_ name: String) -> String? {
        let key = RESPValue.string(ByteBuffer(string: name))
        switch self {
        case .map(let pairs): return pairs.first { $0.key == key }?.value.text
        case .array(let flat):
            guard let index = flat.firstIndex(of: key), index + 1 < flat.count else { return nil }
            return flat[index + 1].text
        default: return nil
        }
    }

    package var text: String? {
        switch self {
        case .string(let bytes): String(buffer: bytes)
        case .integer(let number): String(number)
        default: nil
        }
    }
}

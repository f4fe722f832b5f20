import NIOCore
import RESP

/// The first commands on a new connection: protocol, authentication, database, name of the library, abilities.
struct Handshake: Sendable {
    let configuration: RedisClientConfiguration
    let handler: NIOLoopBound<ConnectionHandler>

    /// What the library calls itself in CLIENT SETINFO.
    static let libraryName = "oxbow"
    static let libraryVersion = "0.1.0"

    /// Two round trips: HELLO, and all that follows from its answer.
    ///
    /// - Throws: ``RedisError``: `cannotConnect` with the server's reason, `unsupportedServer`, `connectionClosed`.
    func perform() async throws -> ServerInfo {
        var server = try await self.agreeOnProtocol()
        try self.checkRole(server)
        let steps = self.steps(server)
        let answers = try await self.request(steps.map(\.command))
        for (step, answer) in zip(steps, answers) { try step.take(answer, &server) }
        return server
    }

    /// A command of the handshake, and the meaning of its answer.
    private struct Step {
        let command: any RedisCommand
        /// Does nothing by default: the connection works without what the server refuses.
        let take: (RESPValue, inout ServerInfo) throws -> Void

        init(_ words: String..., take: @escaping (RESPValue, inout ServerInfo) throws -> Void = { _, _ in }) {
            self.init(words, take: take)
        }

        init(_ words: [String], take: @escaping (RESPValue, inout ServerInfo) throws -> Void) {
            self.command = RawCommand<RESPValue>(words[0], arguments: Array(words[1...]))
            self.take = take
        }
    }

    /// The commands that prepare a connection, in the order in which they are sent.
    private func steps(_ server: ServerInfo) -> [Step] {
        let configuration = self.configuration
        var steps: [Step] = []
        if configuration.requiredRole != nil, server.role == nil {
            // HELLO tells the role; where there is no HELLO, ROLE does.
            steps.append(
                Step("ROLE") { answer, server in
                    if case .array(let parts) = answer { server.role = ServerInfo.Role(said: parts.first?.text) }
                    try self.checkRole(server)
                }
            )
        }
        if configuration.database > 0 {
            let refusal = "database \(configuration.database) cannot be selected"
            steps.append(Step("SELECT", "\(configuration.database)") { answer, _ in try self.check(answer, refusal) })
        }
        if case .cluster = configuration.topology, configuration.requiredRole == .replica {
            // A cluster's replica answers reads only to those who say that they know what it is.
            let refusal = "reading from a replica was refused"
            steps.append(Step("READONLY") { answer, _ in try self.check(answer, refusal) })
        }
        steps.append(Step("CLIENT", "SETINFO", "LIB-NAME", Self.libraryName))
        steps.append(Step("CLIENT", "SETINFO", "LIB-VER", Self.libraryVersion))
        if configuration.tracksKeys, server.protocolVersion == 3 {
            // Without it CLIENT CACHING is refused, which tells callers that there is no tracking.
            steps.append(Step("CLIENT", "TRACKING", "ON", "OPTIN"))
        }
        for script in configuration.preloadedScripts {
            // A server that refuses these gets them one by one later.
            steps.append(
                Step("SCRIPT", "LOAD", script.source) { answer, server in
                    guard case .error(let refusal) = answer else { return }
                    let isUnknown = refusal.message.hasPrefix("ERR unknown command")
                    server.refusesScripts = server.refusesScripts || refusal.prefix == "NOPERM" || isUnknown
                }
            )
        }
        let names = configuration.requiredCommands + configuration.probedCommands
        if !names.isEmpty {
            steps.append(
                Step(["COMMAND", "INFO"] + names) { answer, server in
                    try self.check(answer, to: names, &server)
                }
            )
        }
        if configuration.tracksKeys || !configuration.preloadedScripts.isEmpty {
            // Only where it matters whether this is the server of a moment ago, and what it does when memory is short.
            steps.append(
                Step("INFO", "server", "replication", "memory") { answer, server in
                    guard let info = answer.text else { return }
                    server.identity = ServerInfo.identity(in: info)
                    server.evictionPolicy = ServerInfo.evictionPolicy(in: info)
                }
            )
        }
        return steps
    }

    private func check(_ answer: RESPValue, _ what: String) throws {
        if case .error(let refusal) = answer { throw self.failure(what, refusal) }
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

    private func checkRole(_ server: ServerInfo) throws {
        // A server that refuses to say is found out by its answers.
        guard let required = self.configuration.requiredRole, let role = server.role, role != required else { return }
        throw RedisError(
            .cannotConnect,
            "\(self.configuration.address) is a \(role.rawValue), not a \(required.rawValue)"
        )
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

extension ServerInfo {
    /// The run id and the replication id in an answer to INFO; `nil` unless both are there.
    static func identity(in info: String) -> String? {
        let ids = info.split(whereSeparator: \.isNewline)
            .filter { $0.hasPrefix("run_id:") || $0.hasPrefix("master_replid:") }
            .map { $0.drop { $0 != ":" }.dropFirst() }
        return ids.count == 2 ? ids.joined(separator: " ") : nil
    }

    /// The policy by which keys are evicted; `nil` where memory has no limit.
    static func evictionPolicy(in info: String) -> String? {
        let fields = info.split(whereSeparator: \.isNewline).map { $0.split(separator: ":", maxSplits: 1) }
        let value = { (name: Substring) in fields.first { $0.first == name }?.dropFirst().first }
        guard let maximum = value("maxmemory"), maximum != "0" else { return nil }
        return value("maxmemory_policy").map(String.init)
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

import Foundation
import Logging
import NIOCore
import RESP
import RedisClient
import TestServers
import Testing

/// No error, log line or description of the client shows a password, a key or a value.
@Suite struct ClientMarkerTests {
    private static let marker = Marker.text

    /// Runs `body` with a client that logs everything into the marker's recorder.
    private func with(
        _ marker: Marker,
        _ configuration: RedisClientConfiguration,
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        let client = RedisClient(configuration, logger: marker.recorder.logger)
        marker.look(at: configuration)
        try client.prepareToRun()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.runPrepared() }
            defer { group.cancelAll() }
            try await body(client)
            marker.look(at: client)
        }
    }

    private func configuration(for server: ServerProcess) -> RedisClientConfiguration {
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        return configuration
    }

    @Test(arguments: ServerProcess.Kind.allCases)
    func `what a server refuses is told without what was sent`(_ kind: ServerProcess.Kind) async throws {
        let name: SharedServers.Name = kind == .redis ? .redis : .valkey
        let server = try await SharedServers.shared.server(name)
        let marker = Marker()
        let text = Self.marker
        try await self.with(marker, self.configuration(for: server)) { client async throws in
            _ = try await client.execute(SET("\(text):text", "value \(text)"))
            _ = try await client.execute(RawCommand("HSET", "\(text):hash", text, text, returning: Int.self))
            let commands: [[String]] = [
                ["LPUSH", "\(text):text", text], ["INCR", "\(text):text"], ["INCRBY", "\(text):n", text],
                ["HINCRBY", "\(text):hash", text, "1"], ["SETRANGE", "\(text):text", "-1", text],
                [text, text, text], ["NOSUCH", text, text], ["OBJECT", text, text], ["CONFIG", "SET", text, text],
                ["CONFIG", "SET", "maxmemory", text], ["CONFIG", "SET", "save", text], ["CLIENT", text],
                ["CLIENT", "KILL", text], ["CLIENT", "SETNAME", "\(text) \(text)"], ["CLIENT", "TRACKING", text],
                ["SET", "\(text):text", text, text], ["SET", "\(text):text", text, "EX", text],
                ["SET", "\(text):text", text, "EX", "-1"], ["EXPIRE", "\(text):text", text], ["GETEX", text, text],
                ["HSETEX", text, text, "FIELDS", "1", text, text], ["HEXPIRE", text, text, "FIELDS", "1", text],
                ["HGETEX", text, "FIELDS", text, text], ["ZADD", "\(text):z", text, text],
                ["ZRANGE", text, text, text],
                ["GEOADD", text, text, text, text], ["XADD", text, text, text, text], ["XREAD", "STREAMS", text, text],
                ["XGROUP", "CREATE", text, text, text], ["XREADGROUP", "GROUP", text, text, "STREAMS", text, ">"],
                ["BITFIELD", text, "GET", text, text], ["SORT", "\(text):text"], ["LRANGE", text, text, text],
                ["ACL", "SETUSER", text, ">\(text)", "+\(text)"], ["ACL", "SETUSER", text, "<\(text)"],
                ["ACL", "GETUSER", text, text], ["ACL", text], ["ACL", "LOG", text], ["ACL", "GENPASS", text],
                ["CLUSTER", "MEET", text, text], ["CLUSTER", "COUNTKEYSINSLOT", text], ["REPLICAOF", text, text],
                ["FAILOVER", text], ["FUNCTION", "LOAD", "#!lua name=\(text)\nerror('\(text)')"],
                ["FUNCTION", "LOAD", "#!\(text) name=x\n"], ["FUNCTION", "DELETE", text], ["FCALL", text, "0"],
                ["FCALL", text, text], ["EVAL", "return \(text)", "0"], ["EVAL", "\(text)", text],
                ["EVAL", "error('\(text)')", "0"], ["EVAL", "error(KEYS[1])", "1", text],
                ["EVAL", "error({err=KEYS[1]})", "1", "ERR bad: \(text)"],
                ["EVAL", "return redis.call('INCR', KEYS[1])", "1", "\(text):text"],
                ["EVAL", "return redis.call(KEYS[1], ARGV[1])", "1", text, text],
                ["EVAL", "return \(text.replacing("-", with: "_"))()", "0"], ["EVALSHA", text, "0"],
                ["DEBUG", text], ["DEBUG", "OBJECT", text], ["MEMORY", text], ["MEMORY", "USAGE", text, text],
                ["LATENCY", text], ["SLOWLOG", text], ["COMMAND", text], ["COMMAND", "GETKEYS", text, text],
                ["SCRIPT", text], ["PUBSUB", text], ["SCAN", text], ["SCAN", "0", text, text],
                ["RESTORE", text, "0", text],
                ["COPY", text, text, "DB", text], ["MOVE", text, text], ["SWAPDB", text, text], ["RENAME", text, text],
                ["MODULE", "LOAD", text], ["LOLWUT", "VERSION", text], ["SHUTDOWN", text],
            ]
            for command in commands {
                await marker.expectError("\(command)") {
                    _ = try await client.execute(Words(command, returning: Refused.self))
                }
                _ = try await client.execute(RawCommand("PING", returning: String.self))
            }
            #expect(marker.errors == commands.count)

            await marker.expectError("pipeline") {
                let results = try await client.execute(
                    pipeline: Words(["INCR", "\(text):text"], returning: Int.self),
                    GET("\(text):text", as: Int.self)
                )
                if case .failure(let error) = results.1 { marker.look(at: error) }
                _ = try results.0.get()
            }
            await marker.expectError("integer") { _ = try await client.execute(GET("\(text):text", as: Int.self)) }
            await marker.expectError("number") { _ = try await client.execute(GET("\(text):text", as: Double.self)) }
            await marker.expectError("list") { _ = try await client.execute(LRANGE("\(text):hash", as: String.self)) }
            await marker.expectError("map") {
                _ = try await client.execute(HGETALL("\(text):hash", as: [String: Int].self))
            }
            await marker.expectError("bytes that are no text") {
                _ = try await client.execute(RawCommand("PING", "\(text)\u{0}", returning: Bool.self))
            }
            await marker.expectError("exclusive") {
                _ = try await client.execute(RawCommand("SUBSCRIBE", text, returning: String.self))
            }
            await marker.expectError("script") {
                let script = Script("return redis.call('INCR', KEYS[1]) -- \(text)")
                _ = try await client.execute(
                    ScriptCall<Int>(script, keys: ("\(text):text"), arguments: (text))
                )
            }
            for command in [
                GET("\(text):text", as: String.self), SET(text, text), MGET([text], as: String.self),
                HGETALL(text, as: [String: String].self), HGET(text, text, as: String.self),
                LRANGE(text, as: String.self),
                RawCommand("GET", text, returning: String.self), Words(["GET", text], returning: String.self),
                ScriptCall<Int>(Script(text), keys: (text), arguments: (text)),
            ] as [any RedisCommand] {
                marker.look(at: command)
            }
        }
        marker.lookAtLog(atLeast: 1)
    }

    @Test func `lost connections, time-outs, cancellation and limits are told without what was sent`() async throws {
        let server = try await ServerProcess.start()
        defer { server.stop() }
        let marker = Marker()
        let text = Self.marker
        var configuration = self.configuration(for: server)
        configuration.maximumCommandBytes = 1000
        let pause = RawCommand("CLIENT", "PAUSE", 100, "ALL", returning: String.self)
        try await self.with(marker, configuration) { client async throws in
            await marker.expectError("too large") {
                _ = try await client.execute(SET(text, String(repeating: text, count: 500)))
            }
            _ = try await client.execute(pause)
            await marker.expectError("time-out") {
                _ = try await client.execute(SET(text, text), timeout: .milliseconds(30))
            }
            _ = try await client.execute(pause)
            let cancelled = Task { try await client.execute(SET(text, text)) }
            cancelled.cancel()
            await marker.expectError("cancelled") { _ = try await cancelled.value }
            _ = try await client.execute(pause)
            let sent = client.statistics.commands
            let cut = Task { try await client.execute(SET(text, text)) }
            while client.statistics.commands == sent { await Task.yield() }
            marker.look(at: client)
            try server.cli("client", "kill", "type", "normal")
            await marker.expectError("cut") { _ = try await cut.value }
            server.stop()
            await marker.expectError("gone") {
                _ = try await client.execute(SET(text, text), timeout: .milliseconds(100))
            }
        }
        let stopped = RedisClient(configuration)
        await marker.expectError("not running") { _ = try await stopped.execute(SET(text, text)) }
        marker.lookAtLog(atLeast: 3)
        #expect(marker.errors == 6)
    }

    @Test(arguments: [
        "\(Marker.text)\r\n", "$-\(Marker.text)\r\n", ":\(Marker.text)\r\n", "*\(Marker.text)\r\n",
        "%1\r\n+\(Marker.text)\r\n",
        ",\(Marker.text)\r\n", "#\(Marker.text)\r\n", "(\(Marker.text)\r\n", "=12\r\n\(Marker.text)\r\n",
        "$3\r\n\(Marker.text)\r\n", "-ERR no '\(Marker.text)'\r\n", "-ERR no: \(Marker.text)\r\n",
        "-ERR `\(Marker.text)`\r\n", "+\(Marker.text)\r\n+\(Marker.text)\r\n",
        ":1\r\n-ERR '\(Marker.text)'\r\n",
    ])
    func `what is no reply is told without its bytes`(_ bytes: String) async throws {
        let server = try await RawServer(bytes)
        defer { server.stop() }
        let marker = Marker()
        var configuration = RedisClientConfiguration()
        configuration.address = .host("127.0.0.1", port: server.port)
        try await self.with(marker, configuration) { client async throws in
            await marker.expectError("no integer") {
                let get = RawCommand("GET", Self.marker, returning: Refused.self)
                _ = try await client.execute(get, timeout: .milliseconds(50))
            }
        }
        marker.lookAtLog(atLeast: 1)
    }

    @Test func `wrong passwords and URLs in place of hosts are not shown`() async throws {
        let server = try await ServerProcess.start(settings: ["requirepass right", "user app on >right ~a:* +get"])
        defer { server.stop() }
        let text = Self.marker
        for username in [nil, "app", "nobody"] {
            for hello in [true, false] {
                if !hello { try server.cli("-a", "right", "acl", "setuser", "default", "-hello") }
                let marker = Marker()
                var configuration = self.configuration(for: server)
                configuration.credentials = RedisCredentials(username: username, password: text)
                try await self.with(marker, configuration) { client async throws in
                    await marker.expectError("wrong password") {
                        _ = try await client.execute(GET(text, as: String.self), timeout: .milliseconds(250))
                    }
                }
                marker.lookAtLog(atLeast: 1)
            }
        }
        let marker = Marker()
        var configuration = self.configuration(for: server)
        configuration.credentials = RedisCredentials(username: "app", password: "right")
        try await self.with(marker, configuration) { client async throws in
            await marker.expectError("key") { _ = try await client.execute(GET(text, as: String.self)) }
            await marker.expectError("command") { _ = try await client.execute(SET("a:\(text)", text)) }
        }
        for host in ["redis://app:\(text)@h", "app:\(text)@h", "rediss://h/\(text)", "\(text)@127.0.0.1", "\(text)@"] {
            configuration.address = .host(host, port: server.port)
            let client = RedisClient(configuration, logger: marker.recorder.logger)
            if host.contains("@") { marker.look(at: configuration) }
            await marker.expectError(host) { try await client.run() }
        }
    }

    @Test func `what TLS files hold is not shown`() async throws {
        let certificates = try TestCertificates.shared
        let marker = Marker()
        for kind in ["CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            let pem = "\(Self.marker)\n-----BEGIN \(kind)-----\n\(Self.marker)\n-----END \(kind)-----\n"
            let file = try certificates.file(pem)
            for change: (inout RedisTLSConfiguration) -> Void in [
                { $0.trustStore = file },
                {
                    $0.certificate = file
                    $0.privateKey = certificates.key(.client)
                },
                {
                    $0.certificate = certificates.certificate(.client)
                    $0.privateKey = file
                },
            ] {
                var configuration = RedisClientConfiguration()
                var tls = RedisTLSConfiguration()
                change(&tls)
                configuration.tls = tls
                let client = RedisClient(configuration, logger: marker.recorder.logger)
                await marker.expectError(kind) { try await client.run() }
            }
        }
    }
}

/// Decodes nothing: for commands whose reply must be an error.
private struct Refused: RESPDecodable {
    init(from reader: inout RESPReader) throws(RESPError) {
        _ = try reader.readInteger()
        throw RESPError(.malformed, "no error")
    }
}

/// A command of any words.
private struct Words<Response: RESPDecodable>: RedisCommand {
    private let words: [String]

    init(_ words: [String], returning: Response.Type) { self.words = words }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.words.count)
        for word in self.words { word.writeBulkString(into: &buffer) }
    }
}

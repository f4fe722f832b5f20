public import RESP

/// Where a server listens.
public enum RedisAddress: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// A host name or address, and a port.
    case host(String, port: Int)
    /// The path of a unix domain socket.
    case unix(path: String)

    /// `host:port` (an IPv6 address in brackets) or `unix:/path`.
    ///
    /// A host with an `@`, probably a URL with a password, is not shown.
    public var description: String {
        switch self {
        case .host(let host, let port) where host.contains("@"): "<redacted>:\(port)"
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Nothing: the description says it all.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether a host can be one, which a URL cannot.
    package static func isHost(_ text: String) -> Bool {
        !text.isEmpty && !text.contains { $0 == "@" || $0 == "/" || $0.isWhitespace || $0 == "\0" }
    }
}

/// A password, with or without a user name.
///
/// Never shown by `print`, string interpolation or a debugger's mirror.
public struct RedisCredentials: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// The ACL user; `nil` for password-only authentication, which means the user `default`.
    public var username: String?
    /// The password.
    public var password: String

    /// Credentials for `username`, or for the user `default`.
    public init(username: String? = nil, password: String) {
        self.username = username
        self.password = password
    }

    /// The fact that there are credentials, not what they are.
    public var description: String { "<redacted>" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How a ``RedisClient`` connects and what it allows itself.
///
/// Plain values with defaults.
public struct RedisClientConfiguration: Sendable, Hashable {
    /// The server; `localhost:6379` by default.
    ///
    /// Without meaning where ``topology`` names others.
    public var address: RedisAddress = .host("localhost", port: 6379)
    /// How the servers are arranged; one server by default.
    public var topology: RedisTopology = .standalone
    /// Which servers answer commands that only read; the master by default.
    public var readFrom: ReadPreference = .master
    /// How connections are encrypted; `nil`, the default, means in clear.
    public var tls: RedisTLSConfiguration?
    /// Sent with HELLO (or AUTH); none by default.
    public var credentials: RedisCredentials?
    /// Selected after connecting when larger than 0; 0 by default.
    public var database: Int = 0
    /// For TCP, TLS and the handshake together; 5 s by default.
    public var connectTimeout: Duration = .seconds(5)
    /// For one command, from the call to the decoded reply; 5 s by default.
    ///
    /// Multi-key commands get eight times this.
    public var commandTimeout: Duration = .seconds(5)
    /// How many connections there are.
    public var pool = ConnectionPoolConfiguration()
    /// When a server that fails is left alone; `nil`, the default: never.
    public var breaker: CircuitBreakerConfiguration?
    /// What metrics are called: `<prefix>_connections_num_active` and its like; `redis` by default.
    public var metricsPrefix: String = "redis"
    /// The label `name` of the pool's metrics; `redis-pool` by default.
    public var poolName: String = "redis-pool"
    /// How long a graceful shutdown waits for outstanding replies; 5 s by default.
    public var drainTimeout: Duration = .seconds(5)
    /// Commands sent or waiting to be sent whose reply is outstanding; 65 536 by default.
    ///
    /// Further callers wait.
    public var maximumOutstandingCommands: Int = 65_536
    /// Encoded bytes that wait for the socket, 64 MiB by default.
    ///
    /// Further callers wait; one command larger than this is taken when nothing else waits.
    public var maximumQueuedBytes: Int = 64 * 1024 * 1024
    /// The largest single command or pipeline in bytes; 513 MiB by default, a little over the server's largest string.
    public var maximumCommandBytes: Int = 513 * 1024 * 1024
    /// What is accepted as a reply.
    public var replyLimits = RESPLimits()
    /// Commands the server must know (lower case), asked by COMMAND INFO at each connect; none by default.
    public var requiredCommands: [String] = []
    /// Further commands to ask for; see ``ServerInfo/supports(_:)``.
    public var probedCommands: [String] = []

    /// What the server must be; any role by default.
    ///
    /// Asked at each connect: the address may lead to another server than yesterday. A server of another role is
    /// treated as one that cannot be reached, and tried again with pauses.
    public var requiredRole: ServerInfo.Role?

    /// Scripts given to the server at each connect, so that none has to be sent in full later; none by default.
    public var preloadedScripts: [Script] = []

    /// Whether the shared connections can track keys: `CLIENT TRACKING ON OPTIN`, where the server allows it.
    package var tracksKeys = false

    /// The defaults named at each property.
    public init() {}
}

/// What a server said of itself when the connection was made.
public struct ServerInfo: Sendable, Hashable {
    /// `redis` or `valkey`.
    public var name: String
    /// The version as HELLO names it, such as `8.0.2`.
    public var version: String
    /// 3, or 2 where HELLO was refused.
    public var protocolVersion: Int
    /// Whether it takes writes; `nil` where it did not say.
    public var role: Role?
    /// The commands asked for that the server knows; `nil` when COMMAND INFO was refused.
    var commands: Set<String>?
    /// Whether the user of the connection may not load scripts.
    package var refusesScripts = false
    /// The run id and the replication id: a server that was restarted, or promoted, has another one; `nil` where it did not
    /// say.
    package var identity: String?
    /// The policy by which the server evicts keys, as it was when the connection was made; `nil` where memory has no limit, or
    /// the server did not say.
    package var evictionPolicy: String?

    /// What a server is among its copies.
    public enum Role: String, Sendable, Hashable {
        /// Takes writes.
        case master
        /// A copy of a master, which may lag behind it.
        case replica
    }

    /// Whether the server knows a command named in `requiredCommands` or `probedCommands`.
    ///
    /// `false` also when the server refused to say.
    public func supports(_ command: String) -> Bool { self.commands?.contains(command) ?? false }
}

extension RedisClientConfiguration {
    /// The same without what only commands of callers need: for subscriptions, and for asking servers about themselves.
    var plain: RedisClientConfiguration {
        var plain = self
        plain.database = 0
        plain.requiredCommands = []
        plain.probedCommands = []
        plain.preloadedScripts = []
        plain.tracksKeys = false
        return plain
    }

    /// - Throws: ``RedisError`` with `invalidConfiguration` for the first setting that cannot work.
    package func validate() throws {
        func refuse(_ message: String) -> RedisError { RedisError(.invalidConfiguration, message) }
        guard !self.addresses.isEmpty else { throw refuse("no address to begin with") }
        for address in self.addresses {
            if case .host(let host, _) = address, !RedisAddress.isHost(host) {
                // Not shown: it may be a URL with a password.
                let message =
                    "the host is neither a name nor an address: it is empty or holds one of @, / and white space"
                throw refuse(message)
            }
            if case .host(_, let port) = address, !(1...65_535).contains(port) {
                throw refuse("the port must be from 1 to 65535, not \(port)")
            }
            if let problem = self.tls?.problems(for: address).first {
                throw refuse("tls.\(problem.setting): \(problem.message); allowed: \(problem.allowed)")
            }
        }
        switch self.topology {
        case .standalone: break
        case .sentinel(let sentinel):
            if sentinel.masterName.isEmpty { throw refuse("sentinel.masterName is empty: no master has that name") }
        case .cluster(let cluster):
            if self.database > 0 { throw refuse("a cluster has no database but 0") }
            if let interval = cluster.refreshInterval, interval <= .zero {
                throw refuse("cluster.refreshInterval must be more than 0, or nil, not \(interval)")
            }
            if cluster.maximumRedirects < 0 {
                throw refuse("cluster.maximumRedirects must be at least 0, not \(cluster.maximumRedirects)")
            }
        }
        if case .standalone = self.topology {
        } else if self.addresses.contains(where: { if case .unix = $0 { true } else { false } }) {
            throw refuse("sentinels and clusters cannot be begun with at a Unix socket: they name hosts")
        }
        if self.drainTimeout < .zero { throw refuse("drainTimeout must be at least 0, not \(self.drainTimeout)") }
        for (name, duration) in [("commandTimeout", self.commandTimeout), ("connectTimeout", self.connectTimeout)]
        where duration <= .zero {
            throw refuse("\(name) must be more than 0, not \(duration)")
        }
        for (name, number) in [
            ("maximumOutstandingCommands", self.maximumOutstandingCommands),
            ("maximumQueuedBytes", self.maximumQueuedBytes), ("maximumCommandBytes", self.maximumCommandBytes),
        ] where number < 1 {
            throw refuse("\(name) must be at least 1, not \(number)")
        }
        try self.breaker?.validate()
        try self.pool.validate()
    }
}

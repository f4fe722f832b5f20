import FoundationEssentials
public import PropertyFiles
import RedisClient

extension OxbowConfiguration {
    /// Reads a configuration from properties.
    ///
    /// - Parameters:
    ///   - properties: one or more files, with the environment.
    ///   - warnings: what is no error but should be told: unknown properties with the nearest known name, and known
    ///   ones without effect in this version.
    /// - Throws: `PropertyError` with all problems at once.
    public init(properties: PropertySet, warnings: inout [PropertyProblem]) throws(PropertyError) {
        self.init()
        var reader = PropertyReader(properties, OxbowProperties.catalogue)
        // The properties of the cache instance and of the sites are known, so that none of them counts as misspelled, but
        // have no effect yet.
        let sites = reader.list(OxbowProperties.main + "sites").map { "\(OxbowProperties.main)\($0)." }
        reader.addVariants([OxbowProperties.cacheInstance] + sites, of: OxbowProperties.main, honored: false)
        self.redis = reader.scoped(to: [OxbowProperties.main]) { RedisClientConfiguration(&$0) }
        self.cache = reader.scoped(to: [OxbowProperties.caches]) { CacheConfiguration(&$0) }
        self.cache.compression = reader.scoped(to: [OxbowProperties.main]) { CompressionConfiguration(&$0) }
        reader.checkIgnored()
        warnings = reader.warnings
        try reader.check()
    }
}

extension RedisClientConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        let mode = reader.enumeration("mode")
        if mode != "standalone" {
            reader.refuse("mode", "not supported by this version of Oxbow", allowed: "standalone")
        }
        if reader.boolean("starttls") {
            // Never connect in clear where encryption was asked for.
            let message =
                "Redis and Valkey have no command that turns TLS on: a port speaks it from the first byte or not at all"
            reader.refuse("starttls", message, allowed: "false; for TLS, ssl = true and the server's TLS port")
        }
        let tls = RedisTLSConfiguration(&reader)
        if reader.boolean("ssl") { self.tls = tls }
        let hosts = reader.list("hosts")
        if hosts.count == 1, let address = RedisAddress(hosts[0]) {
            self.address = address
            for problem in self.tls?.problems(for: address) ?? [] {
                reader.refuse("ssl.\(problem.setting)", problem.message, allowed: problem.allowed)
            }
        } else {
            // A URL may hold a password.
            let isURL = reader.value(of: "hosts").text.contains("@")
            reader.refuse(
                "hosts",
                isURL ? "not one address; credentials have properties of their own" : "not one address",
                allowed: "one host[:port], [IPv6][:port] or unix:/path",
                isSecret: isURL
            )
        }
        let username = reader.optionalString("username")
        if let password = reader.secret("password") {
            self.credentials = RedisCredentials(username: username, password: password.reveal())
        } else if username != nil {
            reader.refuse(
                "username",
                "a user name needs a password",
                allowed: "a user name with a password, or neither"
            )
        }
        self.database = max(0, reader.integer("database"))
        self.commandTimeout = reader.duration("commandTimeoutMillis")
        self.connectTimeout = reader.duration("connectTimeoutMillis")
        self.pool = ConnectionPoolConfiguration(&reader)
        self.metricsPrefix = OxbowConfiguration.metricsPrefix
        self.requiredRole = .master
    }
}

extension ConnectionPoolConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.maximumTotal = reader.integer("connection.pool.maxTotal")
        self.maximumIdle = reader.integer("connection.pool.maxIdle")
        self.minimumIdle = reader.integer("connection.pool.minIdle")
        self.maximumWait = reader.duration("connection.pool.maxWaitSeconds")
        self.minimumIdleTime = reader.duration("connection.pool.minIdleSeconds")
        self.cleanerPause = reader.duration("connection.pool.cleanerRunSeconds")
        if self.minimumIdle > self.maximumIdle {
            reader.refuse("connection.pool.minIdle", "above maxIdle", allowed: "0 to \(self.maximumIdle)")
        }
    }
}

extension RedisTLSConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.verifiesPeer = reader.boolean("verifyPeer")
        self.trustStore = reader.optionalString("ssl.trustStore")
        self.certificate = reader.optionalString("ssl.certificate")
        self.privateKey = reader.optionalString("ssl.privateKey")
        self.serverName = reader.optionalString("ssl.serverName")
        let isUsed = reader.boolean("ssl")
        if isUsed, !self.verifiesPeer {
            reader.warn("verifyPeer", OxbowProperties.withoutVerification)
        } else if !isUsed {
            // Whoever has set one of these may believe that the connection is encrypted.
            for name in ["ssl.trustStore", "ssl.certificate", "ssl.privateKey", "ssl.serverName"]
            where reader.optionalString(name) != nil {
                reader.warn(name, "without effect, because ssl is false: the connection is not encrypted")
            }
        }
    }
}

extension CompressionConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.type = reader.enumeration("compressionType", or: .none)
        self.minimumBytes = reader.integer("minimumCompressionSize")
    }
}

extension CacheConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.timeToLive = reader.duration("defaultExpirationSeconds")
        self.usesRequestScope = reader.boolean("redis.threadLocal")
        self.claimLife = reader.duration("redis.claimSeconds")
        self.maximumLoad = reader.duration("redis.maximumLoadSeconds")
        self.waitForLoad = reader.optionalDuration("redis.waitForLoadMillis")
        self.softTimeout = reader.duration("redis.softTimeoutMillis")
        self.jitterPercent = reader.integer("redis.jitterPercent")
        self.absentTimeToLive = reader.duration("redis.negativeExpirationSeconds")
        self.maximumValueBytes = reader.integer("redis.maximumValueBytes")
        self.requestScopeEntries = reader.integer("redis.requestScope.maximumEntries")
    }
}

extension RedisAddress {
    /// Parses `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or `unix:/path`; the port is 6379 if none is given.
    package init?(_ text: String, defaultPort: Int = 6379) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard path.hasPrefix("/"), path.utf8.count > 1 else { return nil }
            self = .unix(path: String(path))
            return
        }
        let host: Substring
        var rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard Self.isHost(String(host)) else { return nil }
        guard !rest.isEmpty else {
            self = .host(String(host), port: defaultPort)
            return
        }
        guard rest.removeFirst() == ":", let port = Int(rest), rest.first != "+", (1...65_535).contains(port) else {
            return nil
        }
        self = .host(String(host), port: port)
    }
}

import PropertyFiles
import RedisClient

extension RedisClientConfiguration {
    /// Reads an instance within the reader's scope.
    ///
    /// - Parameters:
    ///   - reader: in a scope where the instance's own prefix comes first.
    ///   - mainMode: the mode of the instance that properties are taken over from; `nil` for that instance itself.
    init(_ reader: inout PropertyReader, besides mainMode: ServerMode? = nil) {
        self.init()
        if reader.boolean("starttls") {
            // Never connect in clear where encryption was asked for.
            let message =
                "Redis and Valkey have no command that turns TLS on: a port speaks it from the first byte or not at all"
            reader.refuse("starttls", message, allowed: "false; for TLS, ssl = true and the server's TLS port")
        }
        let tls = RedisTLSConfiguration(&reader)
        if reader.boolean("ssl") { self.tls = tls }
        self.credentials = RedisCredentials(&reader, "username", "password")
        self.database = max(0, reader.integer("database"))
        self.readFrom = reader.enumeration("readFrom", or: .master)
        self.commandTimeout = reader.duration("commandTimeoutMillis")
        self.connectTimeout = reader.duration("connectTimeoutMillis")
        self.pool = ConnectionPoolConfiguration(&reader)
        let breaker = CircuitBreakerConfiguration(&reader)
        if reader.boolean("breaker.enabled") { self.breaker = breaker }
        self.metricsPrefix = OxbowConfiguration.metricsPrefix
        self.requiredRole = .master
        self.readTopology(&reader, besides: mainMode)
    }

    /// Gives the metrics the names of the separate instance for caches.
    mutating func nameForCaches() {
        self.metricsPrefix = OxbowConfiguration.cacheMetricsPrefix
        self.poolName = OxbowConfiguration.cachePoolName
    }
}

extension RedisCredentials {
    init?(_ reader: inout PropertyReader, _ usernameKey: String, _ passwordKey: String) {
        let username = reader.optionalString(usernameKey)
        guard let password = reader.secret(passwordKey) else {
            if username != nil {
                let allowed = "a user name with a password, or neither"
                reader.refuse(usernameKey, "a user name needs a password", allowed: allowed)
            }
            return nil
        }
        self.init(username: username, password: password.reveal())
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

extension CircuitBreakerConfiguration {
    init(_ reader: inout PropertyReader) {
        self.init()
        self.failureThreshold = reader.integer("breaker.failureThreshold")
        self.failureExecutions = reader.integer("breaker.failureExecutions")
        self.successThreshold = reader.integer("breaker.successThreshold")
        self.successExecutions = reader.integer("breaker.successExecutions")
        self.delay = reader.duration("breaker.delayMillis")
        self.countsTimeouts = reader.boolean("breaker.countTimeouts")
        self.metricsPrefix = OxbowConfiguration.breakerMetricsPrefix
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
            where reader.isSetItself(name) && reader.optionalString(name) != nil {
                reader.warn(name, "without effect, because ssl is false: the connection is not encrypted")
            }
        }
    }
}

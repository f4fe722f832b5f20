import PropertyFiles
import RedisClient

/// How the servers of an instance are arranged, by the words of the property `mode`.
enum ServerMode: String {
    case standalone, cluster, sentinel

    init(_ reader: inout PropertyReader) { self = reader.enumeration("mode", or: .standalone) }

    /// Where the members of `hosts` listen unless they say otherwise.
    var defaultPort: Int { self == .sentinel ? 26_379 : 6379 }

    /// Properties of the other modes.
    fileprivate var foreignProperties: [String] {
        let sentinel = ["sentinel.masterId", "sentinel.username", "sentinel.password"]
        let cluster = ["cluster.periodicTopologyRefreshMillis"]
        return switch self {
        case .standalone: sentinel + cluster + ["readFrom"]
        case .sentinel: cluster
        case .cluster: sentinel
        }
    }
}

extension RedisClientConfiguration {
    /// Reads mode and hosts, and what belongs to the mode; all else must have been read.
    mutating func readTopology(_ reader: inout PropertyReader, besides mainMode: ServerMode?) {
        let mode = ServerMode(&reader)
        // Read in every mode: what it may not hold is an error in every mode.
        let refresh = reader.duration("cluster.periodicTopologyRefreshMillis")
        guard reader.value(of: "mode").text.lowercased() == mode.rawValue else {
            // What follows from a mode would only confuse where there is none.
            _ = Self.addresses(in: nil, &reader)
            return
        }
        let addresses = Self.addresses(in: mode, &reader)
        for problem in addresses.flatMap({ self.tls?.problems(for: $0) ?? [] }) {
            reader.refuse("ssl.\(problem.setting)", problem.message, allowed: problem.allowed)
        }
        switch mode {
        case .standalone:
            if let address = addresses.first { self.address = address }
        case .sentinel:
            var sentinel = SentinelConfiguration(addresses)
            sentinel.masterName = reader.string("sentinel.masterId")
            if sentinel.masterName.isEmpty {
                reader.refuse("sentinel.masterId", "no name", allowed: "the name that the sentinels know the master by")
            }
            sentinel.credentials = RedisCredentials(&reader, "sentinel.username", "sentinel.password")
            self.topology = .sentinel(sentinel)
        case .cluster:
            var cluster = ClusterConfiguration(addresses)
            cluster.refreshInterval = refresh == .zero ? nil : refresh
            self.topology = .cluster(cluster)
            if self.database > 0 {
                reader.refuse("database", "a cluster has no database but 0", allowed: "-1 or 0 in cluster mode")
            }
        }
        for key in mode.foreignProperties where reader.isSetItself(key) {
            let text = reader.value(of: key).text.lowercased()
            let standard = OxbowProperties.catalogue[OxbowProperties.main + key]?.default
            if !text.isEmpty, text != standard { reader.warn(key, "without effect, because mode is \(mode.rawValue)") }
        }
        if let mainMode, mode != mainMode, !reader.isSetItself("hosts"), reader.isSet("hosts") {
            let hosts = "the hosts are those of the main instance, whose mode is \(mainMode.rawValue)"
            reader.warn("mode", "\(hosts): \(OxbowProperties.cacheInstance)hosts is not set")
        }
    }

    /// The members of `hosts`, each once; none if one of them cannot be used in the mode, or in none if there is none.
    private static func addresses(in mode: ServerMode?, _ reader: inout PropertyReader) -> [RedisAddress] {
        // The default is that of a server. Nobody means it for a sentinel.
        let port = (mode ?? .standalone).defaultPort
        if mode == .sentinel, !reader.isSet("hosts") { return [.host("localhost", port: port)] }
        let texts = reader.list("hosts")
        // A URL may hold a password.
        let isURL = reader.value(of: "hosts").text.contains("@")
        let several = "host[:port] or [IPv6][:port], separated by commas"
        let allowed =
            switch mode {
            case .standalone: "one host[:port], [IPv6][:port] or unix:/path in standalone mode"
            case .cluster, .sentinel: "\(several), in \(mode?.rawValue ?? "") mode"
            case nil: several
            }
        var addresses: [RedisAddress] = []
        var problem = texts.isEmpty ? "no address" : nil
        for text in texts {
            guard let address = RedisAddress(text, defaultPort: port) else {
                problem =
                    isURL ? "not an address; credentials have properties of their own" : "'\(text)' is not an address"
                break
            }
            if case .unix = address, let mode, mode != .standalone {
                problem = "a unix socket in \(mode.rawValue) mode"
            }
            if !addresses.contains(address) { addresses.append(address) }
        }
        if mode == .standalone, problem == nil, addresses.count > 1 { problem = "several addresses" }
        if let problem {
            reader.refuse("hosts", problem, allowed: allowed, isSecret: isURL)
            return []
        }
        if mode == .sentinel, addresses.contains(where: { if case .host(_, 6379) = $0 { true } else { false } }) {
            reader.warn("hosts", "6379 is the port of a server; that of a sentinel is 26379 unless set otherwise")
        }
        return addresses
    }
}

/// Servers that are started once per process, when first asked for, and shared by all tests: use keys of your own.
public final class SharedServers: Sendable {
    /// The servers of this process.
    public static let shared = SharedServers()

    /// A server that tests share.
    public enum Name: String, Sendable, CaseIterable {
        /// Redis 8 as it is.
        case redis
        /// Valkey 9 as it is.
        case valkey
        /// Redis 8 that does not know HSETEX, as Redis 7.4.
        case redisWithoutHSETEX
        /// Redis 8 or Valkey 9 with TLS.
        case redisTLS, valkeyTLS
        /// Redis 8 or Valkey 9 with TLS that wants a client certificate.
        case redisMutualTLS, valkeyMutualTLS

        /// Those in clear.
        public static let allCases: [Name] = [.redis, .valkey, .redisWithoutHSETEX]
    }

    private let servers = StartedOnce<Name, ServerProcess>()

    private init() {}

    /// The server of this name; started if this is the first call.
    public func server(_ name: Name) async throws -> ServerProcess {
        try await self.servers.value(name) {
            switch name {
            case .redis: try await ServerProcess.start(.redis)
            case .valkey: try await ServerProcess.start(.valkey)
            case .redisTLS: try await ServerProcess.start(.redis, tls: ServerTLS())
            case .valkeyTLS: try await ServerProcess.start(.valkey, tls: ServerTLS())
            case .redisMutualTLS: try await ServerProcess.start(.redis, tls: ServerTLS(wantsClientCertificate: true))
            case .valkeyMutualTLS: try await ServerProcess.start(.valkey, tls: ServerTLS(wantsClientCertificate: true))
            case .redisWithoutHSETEX: try await ServerProcess.start(.redis, settings: ["rename-command HSETEX \"\""])
            }
        }
    }
}

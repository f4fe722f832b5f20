/// Servers that are started once per process, when first asked for, and shared by all tests: use keys of your own.
public actor SharedServers {
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
    }

    private var servers: [Name: Task<ServerProcess, any Error>] = [:]

    private init() {}

    /// The server of this name; started if this is the first call.
    public func server(_ name: Name) async throws -> ServerProcess {
        if let task = self.servers[name] { return try await task.value }
        let task = Task {
            switch name {
            case .redis: try await ServerProcess.start(.redis)
            case .valkey: try await ServerProcess.start(.valkey)
            case .redisWithoutHSETEX: try await ServerProcess.start(.redis, settings: ["rename-command HSETEX \"\""])
            }
        }
        self.servers[name] = task
        return try await task.value
    }
}

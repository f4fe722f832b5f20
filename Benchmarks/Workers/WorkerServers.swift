import Oxbow
import RedisClient

/// Where a worker process finds the servers, in a form that can be handed to it.
enum WorkerServers: Codable, Sendable {
    case standalone(port: Int)
    case sentinel(ports: [Int], masterName: String, password: String, sentinelPassword: String)
    case cluster(ports: [Int], password: String)

    /// How an ``Oxbow`` reaches them; all else is as by default.
    var configuration: OxbowConfiguration {
        var configuration = OxbowConfiguration()
        switch self {
        case .standalone(let port):
            configuration.redis.address = Self.address(port)
        case .sentinel(let ports, let masterName, let password, let sentinelPassword):
            var sentinel = SentinelConfiguration(ports.map(Self.address))
            sentinel.masterName = masterName
            sentinel.credentials = RedisCredentials(password: sentinelPassword)
            configuration.redis.topology = .sentinel(sentinel)
            configuration.redis.credentials = RedisCredentials(password: password)
        case .cluster(let ports, let password):
            configuration.redis.topology = .cluster(ClusterConfiguration(ports.map(Self.address)))
            configuration.redis.credentials = RedisCredentials(password: password)
        }
        return configuration
    }

    private static func address(_ port: Int) -> RedisAddress { .host("127.0.0.1", port: port) }
}

import CoreMetrics
import Logging
import NIOCore
import RedisClient
import ServiceLifecycle
import TestServers

/// Runs `body` with a client whose `run()` is running; ends it whatever happens.
func withClient<Result: Sendable>(
    _ configuration: RedisClientConfiguration,
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    metrics: (any MetricsFactory)? = nil,
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let client = RedisClient(configuration, logger: logger, metrics: metrics)
    try client.prepareToRun()
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.runPrepared() }
        defer { group.cancelAll() }
        return try await body(client)
    }
}

/// The settings for one of the shared servers.
func configuration(_ name: SharedServers.Name = .redis) async throws -> RedisClientConfiguration {
    configuration(for: try await SharedServers.shared.server(name))
}

/// The settings for a server, over TCP.
func configuration(for server: ServerProcess) -> RedisClientConfiguration {
    var configuration = RedisClientConfiguration()
    configuration.address = .host("127.0.0.1", port: server.port)
    return configuration
}

import Logging
import RedisClient
import TestServers
import Testing

/// What a client that cannot connect says: the error of a call, and of the log.
///
/// Fails when the first attempt does not fail within two seconds.
func refusal(
    _ configuration: RedisClientConfiguration,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws -> String {
    let recorder = LogRecorder()
    return try await withClient(configuration, logger: recorder.logger) { client in
        let start = ContinuousClock.now
        var log = ""
        while !log.contains("cannot connect, trying on"), start.duration(to: .now) < .seconds(2) {
            log = recorder.messages(at: .warning).joined(separator: "\n")
            try await Task.sleep(for: .milliseconds(1))
        }
        if log.isEmpty { Issue.record("no failure within 2 s", sourceLocation: sourceLocation) }
        do {
            _ = try await client.execute(RawCommand("PING", returning: String.self), timeout: .milliseconds(1))
            Issue.record("connected", sourceLocation: sourceLocation)
            return "connected"
        } catch let error as RedisError {
            check(error.code, .cannotConnect, sourceLocation)
            check(error.delivery, .notSent, sourceLocation)
            check(log.contains("cannotConnect"), true, sourceLocation)
            return error.message
        }
    }
}

/// Waits until something holds; records an issue when it does not within the time.
func eventually(
    _ what: Comment,
    within limit: Duration = .seconds(10),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ holds: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !holds() {
        guard ContinuousClock.now < end else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

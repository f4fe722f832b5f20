import Foundation
import Logging
import NIOCore
import RESP
import RedisClient
import Synchronization
import TestServers
import Testing

extension TestServers.SentinelTopology {
    /// The settings of a client that asks these sentinels.
    var configuration: RedisClientConfiguration {
        var sentinel = SentinelConfiguration(self.sentinels.map(\.address))
        sentinel.masterName = self.masterName
        sentinel.credentials = RedisCredentials(password: self.sentinelPassword)
        var configuration = RedisClientConfiguration()
        configuration.topology = .sentinel(sentinel)
        configuration.credentials = RedisCredentials(password: self.password)
        return configuration
    }

    /// Runs `body` with a client of the topology, and puts the topology in order behind it.
    func withClient(
        _ change: (inout RedisClientConfiguration) -> Void = { _ in },
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        var configuration = self.configuration
        change(&configuration)
        do {
            try await RedisClientTests.withClient(configuration, logger: logger) { client async throws in
                _ = try await client.execute(RawCommand("PING", returning: String.self), timeout: .seconds(10))
                try await body(client)
            }
        } catch {
            try await self.restore()
            throw error
        }
        try await self.restore()
    }

    /// Asks the replicas for their role every few milliseconds.
    ///
    /// - Returns: the one that became a master, and when.
    func promotion(among replicas: [ServerProcess]) async throws -> (server: ServerProcess, at: ContinuousClock.Instant)
    {
        try await withThrowingTaskGroup(of: (ServerProcess, ContinuousClock.Instant).self) { group in
            for replica in replicas {
                group.addTask {
                    var configuration = RedisClientTests.configuration(for: replica)
                    configuration.credentials = RedisCredentials(password: self.password)
                    return try await RedisClientTests.withClient(configuration) { client async throws in
                        while true {
                            // A promotion closes the connections.
                            let role = try await client.execute(
                                RawCommand("ROLE", returning: RESPValue.self, isIdempotent: true)
                            )
                            if case .array(let parts) = role, case .string(let word)? = parts.first,
                                String(buffer: word) == "master"
                            {
                                return (replica, ContinuousClock.now)
                            }
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                }
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}

extension ServerProcess {
    var address: RedisAddress { .host("127.0.0.1", port: self.port) }

    /// When the server became a master, by its own log, on the clock of this process.
    ///
    /// To the millisecond; a promotion closes connections, so whoever asks for the role sees it some 50 ms late.
    var promotion: ContinuousClock.Instant? {
        let line = self.log.split(separator: "\n").last { $0.contains("MASTER MODE enabled") }
        guard let line else { return nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "dd MMM yyyy HH:mm:ss.SSS"
        let words = line.split(separator: " ").dropFirst().prefix(4).joined(separator: " ")
        return format.date(from: words).map { ContinuousClock.now + .seconds($0.timeIntervalSinceNow) }
    }

    /// How often a command has been carried out or refused by this server.
    func calls(of command: String) throws -> Int {
        let lines = try self.cli("info", "commandstats").split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix("cmdstat_\(command):calls=") }) else { return 0 }
        return Int(line.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) ?? 0
    }
}

/// Increments a counter over and over, and remembers how each call ended.
final class Writers: Sendable {
    struct Counts: Sendable {
        var acknowledged = 0
        var refused: [RedisError] = []
        var notSent = 0
        /// Those that may have been carried out.
        var unknown: [RedisError] = []
        var lastSuccess: ContinuousClock.Instant?
        /// The first success behind a pause of more than 200 ms.
        var resumption: ContinuousClock.Instant?
        var failures: Int { self.refused.count + self.notSent + self.unknown.count }
    }

    let key: String
    private let counts = Mutex(Counts())

    init(_ key: String) { self.key = key }

    var now: Counts { self.counts.withLock { $0 } }

    /// Runs `body` while so many tasks increment, each as fast as it is answered, or with a pause.
    func run(
        _ count: Int,
        on client: RedisClient,
        pause: Duration = .zero,
        timeout: Duration = .seconds(5),
        _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    while !Task.isCancelled {
                        await self.write(client, timeout)
                        if pause > .zero { try? await Task.sleep(for: pause) }
                    }
                }
            }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func write(_ client: RedisClient, _ timeout: Duration) async {
        do {
            _ = try await client.execute(RawCommand("INCR", self.key, returning: Int.self), timeout: timeout)
            self.counts.withLock { counts in
                let now = ContinuousClock.now
                if let last = counts.lastSuccess, last.duration(to: now) > .milliseconds(200) {
                    counts.resumption = now
                }
                counts.acknowledged += 1
                counts.lastSuccess = now
            }
        } catch let error as RedisError {
            self.counts.withLock { counts in
                switch error.delivery {
                case .notSent: counts.notSent += 1
                case .refused: counts.refused.append(error)
                case .unknown, .done: counts.unknown.append(error)
                }
            }
        } catch {
            // Cancelled at the end: it may have been carried out.
            let error = RedisError(.timeout, "cancelled", delivery: .unknown)
            self.counts.withLock { $0.unknown.append(error) }
        }
    }

    /// Waits until a call has succeeded after the given moment.
    func success(after moment: ContinuousClock.Instant) async throws {
        try await eventually("a write succeeds", within: .seconds(30)) {
            self.counts.withLock { $0.lastSuccess.map { $0 > moment } ?? false }
        }
    }
}

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

    /// When the first sentinel answered with this server's address to those who ask for the master, by their own logs.
    ///
    /// The one that leads a failover does so as soon as it knows of the promotion.
    func naming(of server: ServerProcess, after start: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let address = " 127.0.0.1 \(server.port)"
        return self.sentinels
            .flatMap { sentinel in
                sentinel.logged { line in
                    line.contains("+promoted-slave") && line.contains(address + " @")
                        || line.contains("+switch-master") && line.hasSuffix(address)
                }
            }
            .filter { $0 > start }.min()
    }

    /// What the sentinels say of the replicas under this name, all of them.
    func replicaFields(_ name: String) throws -> [String] {
        try self.sentinels.flatMap { sentinel in
            let lines = try sentinel.cli("sentinel", "replicas", self.masterName)
                .split(separator: "\n", omittingEmptySubsequences: false)
            return zip(lines, lines.dropFirst()).filter { $0.0 == name }.map { String($0.1) }
        }
    }

    /// Ends all of them.
    func stop() { for process in self.servers + self.sentinels { process.stop() } }

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
        // As Redis calls it, and Valkey.
        self.logged { $0.contains("MASTER MODE enabled") || $0.contains("PRIMARY MODE enabled") }.last
    }

    /// When lines like these were written to the server's log, on the clock of this process.
    func logged(_ isMeant: (Substring) -> Bool) -> [ContinuousClock.Instant] {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "dd MMM yyyy HH:mm:ss.SSS"
        return self.log.split(separator: "\n").filter(isMeant)
            .compactMap { line in
                let words = line.split(separator: " ").dropFirst().prefix(4).joined(separator: " ")
                return format.date(from: words).map { ContinuousClock.now + .seconds($0.timeIntervalSinceNow) }
            }
    }

    /// How often a command has been carried out by this server, or by another figure of its statistics refused.
    func calls(of command: String, _ figure: String = "calls") throws -> Int {
        let lines = try self.cli("info", "commandstats").split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix("cmdstat_\(command):") }) else { return 0 }
        let figures = line.drop { $0 != ":" }.dropFirst().split(separator: ",")
        guard let text = figures.first(where: { $0.hasPrefix("\(figure)=") }) else { return 0 }
        return Int(text.dropFirst(figure.count + 1)) ?? 0
    }
}

/// Increments a counter over and over, and remembers how each call ended.
final class Writers: Sendable {
    struct Counts: Sendable {
        /// What each call that succeeded was answered, and when.
        var acknowledgements: [(value: Int, at: ContinuousClock.Instant)] = []
        var refused: [RedisError] = []
        var notSent = 0
        /// Those that may have been carried out.
        var unknown: [RedisError] = []
        var acknowledged: Int { self.acknowledgements.count }
        var lastSuccess: ContinuousClock.Instant? { self.acknowledgements.last?.at }
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
            let increment = RawCommand("INCR", self.key, returning: Int.self)
            let value = try await client.execute(increment, timeout: timeout)
            self.counts.withLock { $0.acknowledgements.append((value, .now)) }
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

import ConsistencyHistory
import Foundation
import Logging
import Oxbow
import RedisClient
import Seeded
import Synchronization

/// What a worker process is told.
struct ConsistencySettings: Codable, Sendable {
    /// The number of the worker.
    var process: Int
    var seed: UInt64
    /// When it is to end, by the shared clock.
    var ends: UInt64
    var servers: WorkerServers
    /// The folder of the database.
    var database: URL
    /// The file to write the history to.
    var history: URL
    /// Whether it recovers what a restore brings back.
    var recovers: Bool
}

/// A worker process: many tasks that read and change few entries through the caches, and write down what they saw.
final class ConsistencyWorker: Sendable {
    private let settings: ConsistencySettings
    private let database: VersionedDatabase
    private let history: HistoryWriter
    private let operations = Atomic<Int>(0)

    /// Tasks for each kind of entry.
    static let tasks = (singles: 14, grouped: 14, controls: 6)
    /// The TTL of most: short, so that expiries are among what happens.
    static let timeToLive = Duration.seconds(3)
    /// The TTL of the others: longer than any run's oldest snapshot, or nothing in it would come back.
    static let longTimeToLive = Duration.seconds(600)
    /// Short for the same reason.
    private static let claimLife = Duration.seconds(1)
    private static let commandTimeout = Duration.seconds(1)

    init(_ settings: ConsistencySettings) throws {
        self.settings = settings
        self.database = try VersionedDatabase(in: settings.database, keys: ConsistencyEntry.all.map(\.name))
        self.history = try HistoryWriter(settings.history)
    }

    /// Works until it is to end; prints each second how many operations there were.
    func run() async throws {
        var configuration = self.settings.servers.configuration
        configuration.redis.commandTimeout = Self.commandTimeout
        configuration.cache.claimLife = Self.claimLife
        configuration.cache.timeToLive = Self.timeToLive
        if !self.settings.recovers { configuration.cache.journalReplay = .zero }
        let oxbow = try Oxbow(
            configuration,
            logger: Logger(label: "oxbow-bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        guard let client = oxbow.client else { throw BenchmarkError("there is no server") }
        var long = CacheOptions()
        long.timeToLive = Self.longTimeToLive
        let caches = ConsistencyCaches(
            singles: (
                try oxbow.cache("single", of: ConsistencyRow.self),
                try oxbow.cache("single-long", of: ConsistencyRow.self, options: long)
            ),
            groups: (
                try oxbow.groupedCache("grouped", of: ConsistencyRow.self),
                try oxbow.groupedCache("grouped-long", of: ConsistencyRow.self, options: long)
            ),
            control: ControlCache(client: client, timeToLive: Self.timeToLive)
        )
        try await oxbow.withRunning {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let entries = [
                    (ConsistencyEntry.singles, Self.tasks.singles), (ConsistencyEntry.grouped, Self.tasks.grouped),
                    (ConsistencyEntry.controls, Self.tasks.controls),
                ]
                var task = 0
                for (entries, count) in entries {
                    for _ in 0..<count {
                        let caller = ConsistencyCaller(self, caches, task: task, entries: entries)
                        group.addTask { try await caller.run() }
                        task += 1
                    }
                }
                group.addTask { try await self.reportAndFlush() }
                for try await _ in group {}
            }
        }
        try self.history.flush()
    }

    var isOver: Bool { SharedClock.now >= self.settings.ends }

    private func reportAndFlush() async throws {
        while !self.isOver {
            for _ in 0..<10 where !self.isOver {
                try await Task.sleep(for: .milliseconds(100))
                try self.history.flush()
            }
            WorkerProcess.report("\(self.operations.load(ordering: .relaxed))")
        }
    }

    func random(task: Int) -> SeededGenerator {
        SeededGenerator(seed: self.settings.seed &+ UInt64(task) &* 0x1_0000_0001)
    }

    // MARK: What callers use

    func version(of entry: ConsistencyEntry) throws -> Int { try self.database.version(of: entry.name) }

    /// Writes to the database, which takes a while before and behind the moment from which all see it.
    func write(_ entry: ConsistencyEntry, _ delays: DatabaseDelays) async throws -> Int {
        try await Task.sleep(for: delays.before)
        let version = try self.database.write(entry.name)
        // The write is done: a caller that is cancelled now must learn of it.
        try? await Task.sleep(for: delays.behind)
        return version
    }

    /// Reads the database, which takes a while before and behind the moment that is seen.
    func load(_ entry: ConsistencyEntry, task: Int, _ delays: DatabaseDelays) async throws -> ConsistencyRow {
        let began = SharedClock.now
        try await Task.sleep(for: delays.before)
        let version = try self.database.version(of: entry.name)
        try await Task.sleep(for: delays.behind)
        if delays.fails { throw BenchmarkError("the database fails at times") }
        try self.record(.load, entry.name, task: task, began: began, version: version, outcome: .loaded)
        return ConsistencyRow(version: version)
    }

    func record(
        _ kind: HistoryRecord.Kind,
        _ key: String,
        task: Int,
        began: UInt64,
        version: Int,
        outcome: HistoryRecord.Outcome
    ) throws {
        if kind != .load { self.operations.wrappingAdd(1, ordering: .relaxed) }
        try self.history.add(
            HistoryRecord(
                kind,
                process: self.settings.process,
                task: task,
                key: key,
                began: began,
                ended: SharedClock.now,
                version: version,
                outcome: outcome
            )
        )
    }
}

/// How long one access to the database takes, before and behind its moment, and whether it fails.
struct DatabaseDelays: Sendable {
    let before: Duration
    let behind: Duration
    let fails: Bool

    /// Of a read: some milliseconds as a rule, at times much longer, longer than a claim's life too.
    static func read(_ random: inout SeededGenerator) -> DatabaseDelays {
        let most = random.oneIn(2000) ? 1500 : random.oneIn(50) ? 100 : 6
        return DatabaseDelays(
            before: random.duration(0...most),
            behind: random.duration(0...most),
            fails: random.oneIn(200)
        )
    }

    /// Of a write: never so long that it would outlive the closing of an entry.
    static func write(_ random: inout SeededGenerator) -> DatabaseDelays {
        DatabaseDelays(before: random.duration(0...4), behind: random.duration(0...3), fails: false)
    }
}

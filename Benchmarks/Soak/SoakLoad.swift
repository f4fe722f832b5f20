import Oxbow
import Seeded
import Synchronization

/// What the load has done so far.
struct SoakFigures: Sendable {
    var begun = 0
    var requests = 0
    var loads = 0
    var journaled = 0
    var failures: [String: Int] = [:]
}

/// A steady load on a plain and a grouped cache, over a database in memory that knows what each reader must see at least.
final class SoakLoad: Sendable {
    private struct State {
        /// What the database has.
        var versions: [Int]
        /// What the invalidations and updates that have returned were about, at least.
        var promised: [Int]
        var figures = SoakFigures()
        var stale: [UInt64] = []
    }

    private let plain: Cache<Int>
    private let grouped: GroupedCache<Int>
    private let rate: Int
    private let seed: UInt64
    private let state: Mutex<State>

    private static let keys = 2000
    private static let groups = 20

    init(_ oxbow: Oxbow, _ run: SoakRun) throws {
        self.plain = try oxbow.cache("soak", of: Int.self)
        self.grouped = try oxbow.groupedCache("soak-groups", of: Int.self)
        self.rate = run.rate
        self.seed = run.seed
        let zeros = Array(repeating: 0, count: 2 * Self.keys)
        self.state = Mutex(State(versions: zeros, promised: zeros))
    }

    var figures: SoakFigures { self.state.withLock { $0.figures } }
    var hits: UInt64 { self.plain.statistics.hits + self.grouped.statistics.hits }
    /// When stale reads came to an end.
    var stale: [UInt64] { self.state.withLock { $0.stale } }

    /// Calls until cancelled.
    func run() async throws {
        let start = ContinuousClock.now
        var random = SeededGenerator(seed: self.seed)
        var count = 0
        while true {
            try await Task.sleep(for: .milliseconds(2))
            let due = Int(start.duration(to: .now) / .seconds(1) * Double(self.rate))
            while count < due {
                let (choice, entry) = (
                    Int.random(in: 0..<100, using: &random), Int.random(in: 0..<2 * Self.keys, using: &random)
                )
                // Not in a group: to leave one costs the more the more tasks there are.
                Task { await self.call(choice, entry) }
                count += 1
            }
        }
    }

    private func call(_ choice: Int, _ entry: Int) async {
        self.state.withLock { $0.figures.begun += 1 }
        do {
            switch choice {
            case 0..<5: try await self.change(entry)
            case 5..<8: try await self.update(entry)
            case 8..<10: try await self.readSeveral(entry)
            default: try await self.read(entry)
            }
            self.state.withLock { $0.figures.requests += 1 }
        } catch {
            if Task.isCancelled { return }
            let kind = (error as? OxbowError).map { "\($0.code)" } ?? "\(type(of: error))"
            self.state.withLock { state in
                state.figures.requests += 1
                state.figures.failures[kind, default: 0] += 1
            }
        }
    }

    // MARK: Calls

    private func read(_ entry: Int) async throws {
        let promised = self.state.withLock { $0.promised[entry] }
        let load: @Sendable () async throws -> Int = { try await self.load(entry) }
        let version =
            if entry < Self.keys {
                try await self.plain.value(for: "\(entry)", orLoad: load)
            } else {
                try await self.grouped.value(for: "\(entry)", in: "\(entry % Self.groups)", orLoad: load)
            }
        self.check(version, promised)
    }

    private func readSeveral(_ entry: Int) async throws {
        let entries = (0..<20).map { (entry + $0) % Self.keys }
        let promised = self.state.withLock { state in entries.map { state.promised[$0] } }
        let versions = try await self.plain.values(for: entries.map { "\($0)" }) { keys in
            try await Task.sleep(for: .milliseconds(5))
            return self.state.withLock { state in
                state.figures.loads += 1
                return Dictionary(
                    uniqueKeysWithValues: keys.compactMap { key in Int(key).map { (key, state.versions[$0]) } }
                )
            }
        }
        for (entry, promised) in zip(entries, promised) { self.check(versions["\(entry)"] ?? -1, promised) }
    }

    private func load(_ entry: Int) async throws -> Int {
        let version = self.state.withLock { state in
            state.figures.loads += 1
            return state.versions[entry]
        }
        try await Task.sleep(for: .milliseconds(5))
        return version
    }

    private func change(_ entry: Int) async throws {
        let version = self.write(entry)
        let outcome =
            if entry < Self.keys {
                try await self.plain.invalidate("\(entry)")
            } else {
                try await self.grouped.invalidate("\(entry)", in: "\(entry % Self.groups)")
            }
        self.state.withLock { state in
            if outcome == .journaled { state.figures.journaled += 1 }
            // This process reads past what is journaled.
            state.promised[entry] = max(state.promised[entry], version)
        }
    }

    private func update(_ entry: Int) async throws {
        let write = { () async throws -> Int in
            try await Task.sleep(for: .milliseconds(3))
            return self.write(entry)
        }
        let updated =
            if entry < Self.keys {
                try await self.plain.update("\(entry)", write)
            } else {
                try await self.grouped.update("\(entry)", in: "\(entry % Self.groups)", write)
            }
        self.state.withLock { $0.promised[entry] = max($0.promised[entry], updated.value) }
    }

    private func write(_ entry: Int) -> Int {
        self.state.withLock { state in
            state.versions[entry] += 1
            return state.versions[entry]
        }
    }

    private func check(_ version: Int, _ promised: Int) {
        if version < promised { self.state.withLock { $0.stale.append(SharedClock.now) } }
    }
}

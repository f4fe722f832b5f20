import Oxbow
import Synchronization

/// Callers who come at a steady rate, whatever becomes of those before them.
final class OutageLoad: Sendable {
    /// One call.
    struct Record: Sendable {
        /// From the start of the run.
        var began: Duration
        var took: Duration
        /// Whether the database was asked.
        var loads: Bool
        var fails: Bool

        var ended: Duration { self.began + self.took }
    }

    private let cache: Cache<String>
    private let settings: OutageRun
    private let start = ContinuousClock.now
    private let done = Mutex<[Record]>([])

    init(_ cache: Cache<String>, _ run: OutageRun) {
        self.cache = cache
        self.settings = run
    }

    var elapsed: Duration { self.start.duration(to: .now) }
    var records: [Record] { self.done.withLock { $0 } }

    /// Stores all values.
    func prepare() async throws {
        let keys = (0..<self.settings.keys).map { "\($0)" }
        _ = try await self.cache.values(for: keys) { Dictionary(uniqueKeysWithValues: $0.map { ($0, $0) }) }
    }

    /// Calls until cancelled.
    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            let first = self.elapsed
            var count = 0
            while true {
                try await Task.sleep(for: .milliseconds(2))
                let due = Int((self.elapsed - first) / .seconds(1) * Double(self.settings.rate))
                while count < due {
                    let key = "\((count &* 7919) % self.settings.keys)"
                    // When it should have come: a late start is part of what callers notice.
                    let began = first + .seconds(Double(count) / Double(self.settings.rate))
                    group.addTask { await self.call(key, began) }
                    count += 1
                }
            }
        }
    }

    private func call(_ key: String, _ began: Duration) async {
        let loads = Atomic<Bool>(false)
        var fails = false
        do {
            let value = try await self.cache.value(for: key) { [load = self.settings.load] in
                loads.store(true, ordering: .relaxed)
                try await Task.sleep(for: load)
                return key
            }
            fails = value != key
        } catch {
            fails = true
        }
        if Task.isCancelled { return }
        let took = max(.zero, self.elapsed - began)
        let record = Record(began: began, took: took, loads: loads.load(ordering: .relaxed), fails: fails)
        self.done.withLock { $0.append(record) }
    }
}

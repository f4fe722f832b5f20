import Oxbow
import Synchronization

/// Callers who come at a steady rate, whatever becomes of those before them.
final class OutageLoad: Sendable {
    /// One call.
    struct Record: Sendable {
        /// From the start of the run.
        var began: Duration
        var took: Duration
        /// Whether the database was asked, by this caller.
        var loads: Bool
        /// Whether the value had been stored before.
        var isHit: Bool
        /// Also who has not come to an end.
        var fails: Bool

        var ended: Duration { self.began + self.took }
    }

    private let cache: Cache<Int>
    private let settings: OutageRun
    private let start = ContinuousClock.now
    private let done = Mutex<[Record]>([])
    /// When those began that have not come to an end.
    private let open = Mutex<[Int: Duration]>([:])

    init(_ cache: Cache<Int>, _ run: OutageRun) {
        self.cache = cache
        self.settings = run
    }

    var elapsed: Duration { self.start.duration(to: .now) }

    /// All calls but those that began within the last second and are still on their way.
    var records: [Record] {
        let now = self.elapsed
        let late = self.open.withLock { $0.values.filter { now - $0 > .seconds(1) + self.settings.load } }
        return self.done.withLock { $0 }
            + late.map { Record(began: $0, took: now - $0, loads: false, isHit: false, fails: true) }
    }

    /// Stores all values.
    func prepare() async throws {
        let keys = (0..<self.settings.keys).map { "\($0)" }
        _ = try await self.cache.values(for: keys) { Dictionary(uniqueKeysWithValues: $0.map { ($0, 0) }) }
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
                    let number = count
                    self.open.withLock { $0[number] = began }
                    group.addTask { await self.call(number, key, began) }
                    count += 1
                }
            }
        }
    }

    private func call(_ number: Int, _ key: String, _ began: Duration) async {
        let loads = Atomic<Bool>(false)
        // A value is the moment at which it had been loaded.
        var loaded: Int?
        do {
            loaded = try await self.cache.value(for: key) { [load = self.settings.load] in
                loads.store(true, ordering: .relaxed)
                try await Task.sleep(for: load)
                return Int(self.elapsed / .microseconds(1))
            }
        } catch {
            if Task.isCancelled { return }
        }
        self.open.withLock { $0[number] = nil }
        let record = Record(
            began: began,
            took: max(.zero, self.elapsed - began),
            loads: loads.load(ordering: .relaxed),
            isHit: loaded.map { .microseconds($0) < began } ?? false,
            fails: loaded == nil
        )
        self.done.withLock { $0.append(record) }
    }
}

import Oxbow
import Synchronization

/// Callers that come at a steady rate, whatever becomes of those before them: reads, and some updates.
final class OutageLoad: Sendable {
    /// One call.
    struct Record: Sendable {
        /// From the start of the run.
        var began: Duration
        var took: Duration
        /// Whether it was an update; a read otherwise.
        var isUpdate: Bool
        /// How long the database took for it: the load of this caller, or the write.
        var database = Duration.zero
        /// Whether the database was asked, by this caller.
        var loads: Bool
        /// Whether the value had been stored before.
        var isHit: Bool
        /// Also who has not come to an end.
        var fails: Bool

        var ended: Duration { self.began + self.took }
        /// What the cache added to the database's part.
        var added: Duration { max(.zero, self.took - self.database) }
    }

    private let cache: Cache<Int>
    private let settings: OutageRun
    private let start = ContinuousClock.now
    private let done = Mutex<[Record]>([])
    /// When those began that have not come to an end.
    private let open = Mutex<[Call: Duration]>([:])

    private struct Call: Hashable {
        var number: Int
        var isUpdate: Bool
    }

    init(_ cache: Cache<Int>, _ run: OutageRun) {
        self.cache = cache
        self.settings = run
    }

    var elapsed: Duration { self.start.duration(to: .now) }

    /// All calls but those that began within the last second and are still on their way.
    var records: [Record] {
        let now = self.elapsed
        let late = self.open.withLock { $0.filter { now - $0.value > .seconds(1) + self.settings.load } }
        return self.done.withLock { $0 }
            + late.map { call, began in
                Record(
                    began: began,
                    took: now - began,
                    isUpdate: call.isUpdate,
                    loads: false,
                    isHit: false,
                    fails: true
                )
            }
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
                    let call = Call(number: count, isUpdate: false)
                    self.open.withLock { $0[call] = began }
                    group.addTask { await self.read(call, key, began) }
                    if count.isMultiple(of: Self.readsPerUpdate) {
                        let call = Call(number: count, isUpdate: true)
                        self.open.withLock { $0[call] = began }
                        // Entries of their own: reads find as much as without updates.
                        group.addTask { await self.update(call, "updated-\(key)", began) }
                    }
                    count += 1
                }
            }
        }
    }

    /// A read in so many has an update beside it.
    static let readsPerUpdate = 20

    private func update(_ call: Call, _ key: String, _ began: Duration) async {
        let written = Mutex<Duration?>(nil)
        var fails = false
        do {
            try await self.cache.update(key) {
                let start = self.elapsed
                try await Task.sleep(for: self.settings.load)
                written.withLock { $0 = self.elapsed - start }
            }
        } catch {
            if Task.isCancelled { return }
            fails = true
        }
        self.open.withLock { $0[call] = nil }
        let record = Record(
            began: began,
            took: max(.zero, self.elapsed - began),
            isUpdate: true,
            database: written.withLock { $0 } ?? .zero,
            loads: false,
            isHit: false,
            fails: fails
        )
        self.done.withLock { $0.append(record) }
    }

    private func read(_ call: Call, _ key: String, _ began: Duration) async {
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
        self.open.withLock { $0[call] = nil }
        let hasLoaded = loads.load(ordering: .relaxed)
        let record = Record(
            began: began,
            took: max(.zero, self.elapsed - began),
            isUpdate: false,
            database: hasLoaded ? self.settings.load : .zero,
            loads: hasLoaded,
            isHit: loaded.map { .microseconds($0) < began } ?? false,
            fails: loaded == nil
        )
        self.done.withLock { $0.append(record) }
    }
}

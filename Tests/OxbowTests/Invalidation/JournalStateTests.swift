import MetricsTestKit
import RedisClient
import Testing

@testable import Oxbow

/// What the journal remembers, and for how long.
@Suite struct JournalStateTests {
    private let users = CellName(encoded: "ox-cache:users:1:")
    private let folders = CellName(encoded: "ox-cache:folders:1:")
    private let start = ContinuousClock.now

    private func cell(_ number: Int, of cache: CellName, field: String? = nil) -> CellAddress {
        CellAddress(
            key: CellName(encoded: "\(cache.text)\(number)"),
            field: field.map { CellName(encoded: $0) }
        )
    }

    private func journal(_ entries: Int, bytes: Int = 100_000, _ places: InvalidationJournal.Places = .init())
        -> InvalidationJournal
    {
        let limits = InvalidationJournal.Limits(entries: entries, bytes: bytes)
        return InvalidationJournal(limits: limits, window: .seconds(30), places: places)
    }

    @Test func `an invalidation that comes again is not settled by the one before`() throws {
        let journal = self.journal(10)
        let cell = self.cell(1, of: self.users)
        journal.add(.cell(cell), of: self.users)
        let first = try #require(journal.owed.first)
        journal.add(.cell(cell), of: self.users)
        journal.settle(first.target, first.number, of: self.users)
        #expect(journal.covers(cell, of: self.users))
        let second = try #require(journal.owed.first)
        journal.settle(second.target, second.number, of: self.users)
        #expect(!journal.covers(cell, of: self.users) && journal.isQuiet)
    }

    @Test func `a cache that was emptied is trusted only if nothing was owed since`() throws {
        let journal = self.journal(1)
        for number in 0..<2 { journal.add(.cell(self.cell(number, of: self.users)), of: self.users) }
        let (cache, first) = try #require(journal.bypassed.first)
        journal.add(.cell(self.cell(5, of: self.users)), of: self.users)
        journal.settle(cache, first)
        #expect(journal.covers(self.cell(9, of: self.users), of: self.users))
        #expect(!journal.covers(self.cell(9, of: self.folders), of: self.folders))
        let second = try #require(journal.bypassed.first)
        journal.settle(cache, second.number)
        #expect(journal.isQuiet)
    }

    @Test func `what is owed shows in gauges`() throws {
        let metrics = TestMetrics()
        let journal = InvalidationJournal(
            limits: InvalidationJournal.Limits(entries: 1, bytes: 1000),
            window: .seconds(30),
            metricsPrefix: "appsuite_redis",
            metrics: metrics
        )
        func values() throws -> [Double?] {
            try ["pending", "bypassed"]
                .map { try metrics.expectGauge("appsuite_redis_cache_journal_\($0)").lastValue }
        }
        journal.add(.cell(self.cell(1, of: self.users)), of: self.users)
        #expect(try values() == [1, 0])
        journal.add(.cell(self.cell(2, of: self.users)), of: self.users)
        #expect(try values() == [0, 1])
        for (cache, number) in journal.bypassed { journal.settle(cache, number) }
        #expect(try values() == [0, 0])
    }

    @Test func `a group covers its fields, and no other group's`() {
        let journal = self.journal(10)
        let key = self.cell(1, of: self.folders).key
        journal.add(.group(key), of: self.folders)
        #expect(journal.covers(self.cell(1, of: self.folders, field: "a"), of: self.folders))
        #expect(!journal.covers(self.cell(2, of: self.folders, field: "a"), of: self.folders))
    }

    @Test func `what is owed is bounded in bytes, too`() {
        let journal = self.journal(1000, bytes: 1000)
        for number in 0..<3 {
            journal.add(
                .cell(self.cell(number, of: self.users, field: String(repeating: "f", count: 200))),
                of: self.users
            )
        }
        #expect(journal.statistics.pending == 0 && journal.statistics.bypassedCaches == 1)
        journal.add(.cell(self.cell(1, of: self.folders)), of: self.folders)
        #expect(journal.statistics.pending == 1)
    }

    @Test func `what was sent before a master became unsettled is owed, whatever was answered`() throws {
        let journal = self.journal(2)
        journal.add(.cell(self.cell(1, of: self.users)), of: self.users)
        for number in 0..<3 { journal.add(.cell(self.cell(number, of: self.folders)), of: self.folders) }
        let (owed, bypassed, before) = (journal.owed, journal.bypassed, journal.epoch)
        #expect(owed.count == 1 && bypassed.count == 1)
        journal.setUnsettled([.host("a", port: 1)])
        for (target, cache, number) in owed { journal.settle(target, number, of: cache) }
        for (cache, number) in bypassed { journal.settle(cache, number) }
        #expect(!journal.noteApplied(.cell(self.cell(2, of: self.users)), of: self.users, since: before))
        journal.setUnsettled([])
        for number in 1...2 { #expect(journal.covers(self.cell(number, of: self.users), of: self.users)) }
        #expect(journal.covers(self.cell(9, of: self.folders), of: self.folders))
        // Sent afterwards.
        #expect(journal.noteApplied(.cell(self.cell(3, of: self.users)), of: self.users, since: journal.epoch))
        #expect(!journal.covers(self.cell(3, of: self.users), of: self.users))
    }

    @Test func `cells on an unsettled master are read past, and no others`() {
        let masters = [RedisAddress.host("a", port: 1), .host("b", port: 2)]
        let places = InvalidationJournal.Places(
            slot: { Int($0.text.suffix(1)) ?? 0 },
            master: { $0 == 9 ? nil : masters[$0 % 2] }
        )
        let journal = self.journal(10, places)
        journal.setUnsettled([masters[1]])
        #expect(journal.covers(self.cell(1, of: self.users), of: self.users))
        #expect(!journal.covers(self.cell(2, of: self.users), of: self.users))
        // Whose master is not known may be on that one.
        #expect(journal.covers(self.cell(9, of: self.users), of: self.users))
        #expect(!journal.isRecovering)
        journal.noteRecovery()
        #expect(journal.isRecovering)
        journal.setUnsettled([])
        #expect(journal.isQuiet && !journal.isRecovering)
    }

    @Test func `invalidations since a moment are owed again, in the slots of the master`() {
        let places = InvalidationJournal.Places(slot: { Int($0.text.suffix(1)) ?? 0 })
        let journal = self.journal(10, places)
        for number in 0..<4 {
            let time = self.start + .seconds(number)
            journal.noteApplied(.cell(self.cell(number, of: self.users)), of: self.users, since: 0, at: time)
        }
        #expect(journal.repeatInvalidations(in: [1, 2], since: self.start + .seconds(2)))
        #expect(journal.owed.count == 1)
        #expect(journal.covers(self.cell(2, of: self.users), of: self.users))
        #expect(journal.owes(in: [2]) && !journal.owes(in: [1]))
        #expect(journal.repeatInvalidations(in: nil, since: nil))
        #expect(journal.owed.count == 4)
    }

    @Test func `what was forgotten for want of room or time is not covered, in its slots`() {
        var recent = RecentInvalidations(maximumEntries: 3, maximumBytes: 100_000, window: .seconds(30))
        func add(_ number: Int, slot: Int, at second: Int) {
            let target = InvalidationJournal.Target.cell(self.cell(number, of: self.users))
            recent.add(target, of: self.users, slot: slot, at: self.start + .seconds(second))
        }
        func isComplete(since second: Int, in slot: Int) -> Bool {
            recent.all(since: self.start + .seconds(second)) { $0 == slot }.isComplete
        }
        for number in 0..<4 { add(number, slot: 7, at: number) }
        #expect(!isComplete(since: 0, in: 7) && isComplete(since: 1, in: 7) && isComplete(since: 0, in: 8))
        // One key again and again takes no more room than once.
        for second in 4..<20 { add(9, slot: 8, at: second) }
        #expect(isComplete(since: 2, in: 7) && !isComplete(since: 1, in: 7))
        // The rest by time.
        add(10, slot: 8, at: 60)
        #expect(!isComplete(since: 10, in: 8) && isComplete(since: 30, in: 8) && isComplete(since: 10, in: 7))
        #expect(recent.all(since: nil) { _ in true }.targets.count == 1)
        recent.noteForgotten(at: self.start + .seconds(61))
        #expect(!isComplete(since: 60, in: 1) && isComplete(since: 62, in: 1))
    }
}

import MetricsTestKit
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

    @Test func `an invalidation that comes again is not settled by the one before`() throws {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        let cell = self.cell(1, of: self.users)
        journal.add(.cell(cell), of: self.users)
        let first = try #require(journal.owed.targets.first)
        journal.add(.cell(cell), of: self.users)
        journal.settle(first.target, first.number, of: self.users)
        #expect(journal.covers(cell, of: self.users))
        let second = try #require(journal.owed.targets.first)
        journal.settle(second.target, second.number, of: self.users)
        #expect(!journal.covers(cell, of: self.users) && journal.isQuiet)
    }

    @Test func `a cache that was emptied is trusted only if nothing was owed since`() throws {
        let journal = InvalidationJournal(maximumEntries: 1, window: .seconds(30))
        for number in 0..<2 { journal.add(.cell(self.cell(number, of: self.users)), of: self.users) }
        let (cache, first) = try #require(journal.owed.caches.first)
        journal.add(.cell(self.cell(5, of: self.users)), of: self.users)
        journal.settle(cache, first)
        #expect(journal.covers(self.cell(9, of: self.users), of: self.users))
        #expect(!journal.covers(self.cell(9, of: self.folders), of: self.folders))
        let second = try #require(journal.owed.caches.first)
        journal.settle(cache, second.1)
        #expect(journal.isQuiet)
    }

    @Test func `what is owed shows in gauges`() throws {
        let metrics = TestMetrics()
        let journal = InvalidationJournal(
            maximumEntries: 1,
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
        for (cache, number) in journal.owed.caches { journal.settle(cache, number) }
        #expect(try values() == [0, 0])
    }

    @Test func `a group covers its fields, and no other group's`() {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        let key = self.cell(1, of: self.folders).key
        journal.add(.group(key), of: self.folders)
        #expect(journal.covers(self.cell(1, of: self.folders, field: "a"), of: self.folders))
        #expect(!journal.covers(self.cell(2, of: self.folders, field: "a"), of: self.folders))
    }

    @Test func `an unknown master owes what was invalidated within the window`() {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        journal.note(.init(["a"]), at: self.start)
        journal.noteApplied(.cell(self.cell(1, of: self.users)), of: self.users, since: 0, at: self.start)
        journal.noteApplied(
            .cell(self.cell(2, of: self.users)),
            of: self.users,
            since: 0,
            at: self.start + .seconds(20)
        )
        journal.note(.init(["a"]), at: self.start + .seconds(35))
        journal.note(.init([]), at: self.start + .seconds(35))
        #expect(journal.isQuiet)
        journal.note(.init(["a", "b"]), at: self.start + .seconds(35))
        #expect(journal.covers(self.cell(2, of: self.users), of: self.users))
        #expect(!journal.covers(self.cell(1, of: self.users), of: self.users))
        #expect(journal.statistics.failovers == 1)
    }

    @Test func `a master that comes back has missed what another one has acknowledged`() {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        journal.note(.init(["a", "c"]))
        // It does not answer, and is what it was.
        journal.note(.init(["c"], isComplete: false))
        journal.note(.init(["a", "c"]))
        #expect(journal.statistics.failovers == 0)
        journal.note(.init(["b", "c"]))
        journal.noteApplied(.cell(self.cell(1, of: self.users)), of: self.users, since: 1)
        #expect(journal.isQuiet)
        journal.note(.init(["a", "c"]))
        #expect(journal.statistics.failovers == 2)
        #expect(journal.covers(self.cell(1, of: self.users), of: self.users))
    }

    @Test func `what was on its way at a failover is repeated`() throws {
        let journal = InvalidationJournal(maximumEntries: 2, window: .seconds(30))
        journal.note(.init(["a"]))
        journal.add(.cell(self.cell(1, of: self.users)), of: self.users)
        for number in 0..<3 { journal.add(.cell(self.cell(number, of: self.folders)), of: self.folders) }
        let (owed, before) = (journal.owed, journal.failovers)
        #expect(owed.targets.count == 1 && owed.caches.count == 1)
        journal.note(.init(["b"]))
        for (target, cache, number) in owed.targets { journal.settle(target, number, of: cache) }
        for (cache, number) in owed.caches { journal.settle(cache, number) }
        #expect(!journal.noteApplied(.cell(self.cell(2, of: self.users)), of: self.users, since: before))
        for number in 1...2 { #expect(journal.covers(self.cell(number, of: self.users), of: self.users)) }
        #expect(journal.covers(self.cell(9, of: self.folders), of: self.folders))
        // Sent behind it.
        #expect(journal.noteApplied(.cell(self.cell(3, of: self.users)), of: self.users, since: journal.failovers))
        #expect(!journal.covers(self.cell(3, of: self.users), of: self.users))
    }

    @Test func `who does not answer keeps the window open`() {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        journal.note(.init(["a", "c"]), at: self.start)
        journal.noteApplied(.cell(self.cell(1, of: self.users)), of: self.users, since: 0, at: self.start)
        for second in 1..<60 { journal.note(.init(["c"], isComplete: false), at: self.start + .seconds(second)) }
        journal.note(.init(["b", "c"]), at: self.start + .seconds(60))
        #expect(journal.covers(self.cell(1, of: self.users), of: self.users))
    }

    @Test func `an outage does not eat up the window`() {
        let journal = InvalidationJournal(maximumEntries: 10, window: .seconds(30))
        journal.note(.init(["a"]), at: self.start)
        journal.noteApplied(.cell(self.cell(1, of: self.users)), of: self.users, since: 0, at: self.start)
        // Nobody answers for a minute; then there is another master, who may never have heard of it.
        journal.note(.init([]), at: self.start + .seconds(40))
        journal.noteApplied(
            .cell(self.cell(2, of: self.users)),
            of: self.users,
            since: 0,
            at: self.start + .seconds(50)
        )
        journal.note(.init(["b"]), at: self.start + .seconds(60))
        #expect(journal.covers(self.cell(1, of: self.users), of: self.users))
    }

    @Test func `a cache that was emptied is owed again after a failover`() throws {
        let journal = InvalidationJournal(maximumEntries: 0, window: .seconds(30))
        journal.note(.init(["a"]))
        journal.add(.cell(self.cell(1, of: self.users)), of: self.users)
        let (cache, number) = try #require(journal.owed.caches.first)
        journal.settle(cache, number)
        #expect(journal.isQuiet)
        journal.note(.init(["b"]))
        #expect(journal.covers(self.cell(1, of: self.users), of: self.users))
    }

    @Test func `of more than is remembered, the whole cache is owed`() {
        let journal = InvalidationJournal(maximumEntries: 3, window: .seconds(30))
        journal.note(.init(["a"]), at: self.start)
        for number in 0..<4 {
            journal.noteApplied(.cell(self.cell(number, of: self.users)), of: self.users, since: 0, at: self.start)
        }
        // One key again and again takes no more room than once.
        for second in 0..<1000 {
            let time = self.start + .milliseconds(second)
            journal.noteApplied(.cell(self.cell(1, of: self.folders)), of: self.folders, since: 0, at: time)
        }
        journal.note(.init(["b"]), at: self.start + .seconds(10))
        #expect(journal.covers(self.cell(99, of: self.users), of: self.users))
        #expect(journal.covers(self.cell(1, of: self.folders), of: self.folders))
        #expect(!journal.covers(self.cell(99, of: self.folders), of: self.folders))
    }
}

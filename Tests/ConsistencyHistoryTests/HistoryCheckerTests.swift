import ConsistencyHistory
import Testing

@Suite struct HistoryCheckerTests {
    private func record(
        _ kind: HistoryRecord.Kind,
        _ began: UInt64,
        _ ended: UInt64,
        version: Int = 0,
        _ outcome: HistoryRecord.Outcome,
        key: String = "k",
        process: Int = 0
    ) -> HistoryRecord {
        HistoryRecord(
            kind,
            process: process,
            task: 1,
            key: key,
            began: began,
            ended: ended,
            version: version,
            outcome: outcome
        )
    }

    private func verdict(_ records: HistoryRecord...) -> HistoryVerdict {
        var checker = HistoryChecker()
        for record in records { checker.add(record) }
        return checker.verdict()
    }

    // MARK: What is stale

    @Test func `a read that began after an invalidation and gives an older version is stale`() {
        let change = self.record(.invalidate, 100, 200, version: 5, .applied)
        let read = self.record(.read, 201, 210, version: 4, .cached, process: 1)
        #expect(self.verdict(read, change).stale == [StaleRead(read: read, change: change)])
    }

    @Test(arguments: [5, 6])
    func `a read that gives the version of the invalidation or a newer one is not stale`(version: Int) {
        let change = self.record(.invalidate, 100, 200, version: 5, .applied)
        let verdict = self.verdict(change, self.record(.read, 201, 210, version: version, .cached))
        #expect(verdict.stale.isEmpty)
    }

    @Test(arguments: [UInt64(50), 150, 200])
    func `a read that began before the invalidation had returned is not stale`(began: UInt64) {
        let change = self.record(.invalidate, 100, 200, version: 5, .applied)
        let verdict = self.verdict(change, self.record(.read, began, 500, version: 4, .cached))
        #expect(verdict.stale.isEmpty)
    }

    @Test(arguments: [HistoryRecord.Kind.update, .writeThrough])
    func `an update that has returned counts as an invalidation`(kind: HistoryRecord.Kind) {
        let change = self.record(kind, 100, 200, version: 5, .applied)
        let read = self.record(.read, 300, 310, version: 4, .loaded)
        let verdict = self.verdict(change, read)
        #expect(verdict.stale == [StaleRead(read: read, change: change)])
        #expect(verdict.tally.updates == 1)
    }

    @Test(arguments: [HistoryRecord.Outcome.failed, .journaled])
    func `what is not applied promises nothing`(outcome: HistoryRecord.Outcome) {
        let verdict = self.verdict(
            self.record(.invalidate, 100, 200, version: 5, outcome),
            self.record(.read, 300, 310, version: 4, .cached)
        )
        #expect(verdict.stale.isEmpty)
        #expect(verdict.tally.invalidations == 0)
    }

    @Test func `a failed read is no read`() {
        let verdict = self.verdict(
            self.record(.invalidate, 100, 200, version: 5, .applied),
            self.record(.read, 300, 310, version: 0, .failed)
        )
        #expect(verdict.stale.isEmpty)
        #expect(verdict.tally.failedOperations == 1)
    }

    @Test func `the newest of all changes counts, not the last one to return`() {
        let newest = self.record(.invalidate, 100, 110, version: 7, .applied)
        let slow = self.record(.invalidate, 50, 200, version: 3, .applied)
        let read = self.record(.read, 300, 310, version: 5, .cached)
        #expect(self.verdict(slow, newest, read).stale == [StaleRead(read: read, change: newest)])
    }

    @Test func `another key's changes do not matter`() {
        let verdict = self.verdict(
            self.record(.invalidate, 100, 200, version: 5, .applied, key: "other"),
            self.record(.read, 300, 310, version: 4, .cached)
        )
        #expect(verdict.stale.isEmpty)
    }

    // MARK: Apart

    @Test(arguments: [(UInt64(250), UInt64(260), 1), (310, 320, 1), (305, 306, 1), (311, 400, 0), (201, 259, 0)])
    func `a stale read that overlaps a failover is counted apart`(began: UInt64, ended: UInt64, excused: Int) {
        let verdict = self.verdict(
            self.record(.invalidate, 100, 200, version: 5, .applied),
            self.record(.read, 260, 310, version: 4, .cached),
            self.record(.failover, began, ended, .none, key: "kill-master", process: -1)
        )
        #expect(verdict.excused.count == excused)
        #expect(verdict.stale.count == 1 - excused)
        #expect(verdict.failovers.count == 1)
    }

    @Test func `a restore from a snapshot is counted, and excuses no stale read`() {
        let verdict = self.verdict(
            self.record(.invalidate, 100, 200, version: 5, .applied),
            self.record(.read, 300, 310, version: 4, .cached),
            self.record(.fault, 250, 400, version: 60, .none, key: HistoryRecord.restore, process: -1),
            self.record(.fault, 500, 600, .none, key: "flush", process: -1)
        )
        #expect(verdict.stale.count == 1)
        #expect(verdict.excused.isEmpty)
        #expect(verdict.figures["restores"] == 1)
        #expect(verdict.figures["faults"] == 2)
    }

    @Test func `the time around failovers counts once where they overlap`() {
        let verdict = self.verdict(
            self.record(.failover, 4_000_000_000, 6_000_000_000, .none),
            self.record(.failover, 1_000_000_000, 5_000_000_000, .none),
            self.record(.failover, 2_000_000_000, 3_000_000_000, .none),
            self.record(.failover, 8_000_000_000, 8_500_000_000, .none)
        )
        #expect(verdict.secondsAroundFailovers == 5.5)
    }

    @Test func `the control's stale reads are counted apart, and nothing else of it`() {
        let verdict = self.verdict(
            self.record(.load, 90, 250, version: 4, .loaded, key: "control/1"),
            self.record(.invalidate, 100, 200, version: 5, .applied, key: "control/1"),
            self.record(.read, 300, 310, version: 4, .cached, key: "control/1")
        )
        #expect(verdict.staleReadsPlain == 1)
        #expect(verdict.stale.isEmpty)
        #expect(verdict.invalidationsDuringLoad == 0)
        #expect(verdict.tally.invalidations == 0)
        #expect(verdict.tally.operations == 2)
    }

    // MARK: Validity

    @Test(arguments: [
        (UInt64(50), UInt64(100), 1), (200, 300, 1), (120, 130, 1), (0, 999, 1), (50, 99, 0), (201, 300, 0),
    ])
    func `an invalidation that overlaps a load is counted`(began: UInt64, ended: UInt64, count: Int) {
        let verdict = self.verdict(
            self.record(.load, 60, 70, .loaded),
            self.record(.load, began, ended, .loaded),
            self.record(.load, 900, 910, .loaded),
            self.record(.invalidate, 100, 200, version: 5, .applied),
            self.record(.update, 100, 200, version: 5, .applied)
        )
        #expect(verdict.invalidationsDuringLoad == count)
    }

    @Test func `a run without overlaps or without a stale control says nothing`() {
        #expect(self.verdict().objections.count == 2)
        var checker = HistoryChecker()
        checker.add(self.record(.load, 0, 10_000, .loaded))
        checker.add(self.record(.invalidate, 0, 1, version: 2, .applied, key: "control/1"))
        checker.add(self.record(.read, 2, 3, version: 1, .cached, key: "control/1"))
        for moment in 0..<UInt64(HistoryVerdict.leastInvalidationsDuringLoad - 1) {
            checker.add(self.record(.invalidate, moment, moment, .applied))
        }
        #expect(checker.verdict().objections.count == 1)
        checker.add(self.record(.invalidate, 5000, 5001, .applied))
        #expect(checker.verdict().objections.isEmpty)
    }
}

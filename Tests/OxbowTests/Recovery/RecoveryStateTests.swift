import NIOCore
import RESP
import RedisClient
import Testing

@testable import Oxbow

/// When a master whose data went back in time may be trusted again.
@Suite struct RecoveryStateTests {
    private let master = RedisAddress.host("a", port: 1)
    private let start = ContinuousClock.now

    private func record(_ fields: [String: String]) -> MasterRecord {
        MasterRecord(
            .map(
                fields.map { (key: .string(ByteBuffer(string: $0.key)), value: .string(ByteBuffer(string: $0.value))) }
            )
        )
    }

    private func unsettled(_ state: inout RecoveryState) throws -> RecoveryState.Unsettled {
        state.distrust(self.master, "new", at: self.start)
        return try #require(state.unsettled[self.master])
    }

    @Test func `a record is read from a map and from pairs, and nonsense is passed over`() {
        let fields = ["id": "x", "p:a": "5 1000", "p:b": "7 4001", "p:c": "nonsense", "c:a": "y", "e": "b"]
        let map = self.record(fields)
        let pairs = MasterRecord(
            .array(fields.flatMap { [.string(ByteBuffer(string: $0.key)), .string(ByteBuffer(string: $0.value))] })
        )
        for record in [map, pairs] {
            #expect(record.settled == "x" && record.confirmed == ["a": "y"] && record.beats.count == 2)
            #expect(record.processes(within: 3000) == ["b"])
            #expect(record.processes(within: 3001) == ["a", "b"])
            #expect(record.processes(within: 10, of: 1005) == ["a", "b"])
        }
        #expect(MasterRecord(.null).isEmpty && MasterRecord(.array([.null])).isEmpty)
        #expect(self.record(["p:a": "5 \(Int64.min)"]).processes(within: .max) == ["a"])
    }

    @Test func `a master that is known is trusted, and one of another identity is not`() throws {
        var state = RecoveryState()
        state.trust(self.master, "old")
        #expect(state.isSettled(self.master, "old") && !state.isSettled(self.master, "new"))
        let first = try self.unsettled(&state)
        // Connected to again meanwhile: the same recovery goes on.
        state.distrust(self.master, "new", at: self.start + .seconds(1))
        #expect(state.unsettled[self.master] == first)
        state.distrust(self.master, "newer", at: self.start + .seconds(2))
        #expect(!state.settle(self.master, first.number) && !state.unsettled.isEmpty)
        #expect(state.settle(self.master, try #require(state.unsettled[self.master]).number))
        #expect(state.isSettled(self.master, "newer"))
        // Away for a while: it may come back as what it was, without what another one has acknowledged.
        state.keep([.host("b", port: 2)])
        #expect(!state.isSettled(self.master, "newer"))
    }

    @Test func `it is settled when each process has confirmed that was alive since`() throws {
        var state = RecoveryState()
        state.trust(self.master, "old")
        state.noteBeat(1, on: self.master, alive: ["later"], at: self.start, for: .seconds(600))
        let master = try self.unsettled(&state)
        let first = self.record(["id": "old", "p:me": "0 5000", "p:dead": "0 1000", "p:there": "0 4000"])
        func step(_ confirmed: [String], _ seconds: Int = 1, since moment: ContinuousClock.Instant? = nil)
            -> RecoveryState.Step
        {
            var record = first
            for process in confirmed { record.confirmed[process] = "new" }
            return state.step(
                for: master,
                record,
                first: first,
                of: "me",
                since: moment ?? self.start,
                isCovered: true,
                at: self.start + .seconds(seconds)
            )
        }
        #expect(step([]) == .wait)
        #expect(step(["there"]) == .wait)
        #expect(step(["later"]) == .wait)
        #expect(step(["there", "later"]) == .settle)
        // It was seen, but long before the moment that the data went back to.
        #expect(step(["there"], since: self.start + .seconds(4)) == .settle)
        #expect(step(["there"], 5) == .empty)
    }

    @Test func `without memory, or without a record, the caches are emptied, and a newcomer waits first`() throws {
        var state = RecoveryState()
        let master = try self.unsettled(&state)
        let first = self.record(["id": "old", "p:dead": "0 1000"])
        func step(
            _ record: MasterRecord,
            first: MasterRecord,
            since moment: ContinuousClock.Instant?,
            isCovered: Bool = true,
            _ seconds: Int = 0
        ) -> RecoveryState.Step {
            state.step(
                for: master,
                record,
                first: first,
                of: "me",
                since: moment,
                isCovered: isCovered,
                at: self.start + .seconds(seconds)
            )
        }
        #expect(step(first, first: first, since: self.start, isCovered: false) == .empty)
        #expect(step(MasterRecord(), first: MasterRecord(), since: nil) == .empty)
        #expect(step(first, first: first, since: nil) == .wait)
        #expect(step(first, first: first, since: nil, 5) == .empty)
        var settled = first
        settled.settled = "new"
        #expect(step(settled, first: first, since: nil, isCovered: false) == .done)
    }
}

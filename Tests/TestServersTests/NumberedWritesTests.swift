import TestServers
import Testing

@Suite struct NumberedWritesTests {
    private func writes(acknowledged: [Int], unknown: [Int] = []) -> NumberedWrites {
        var writes = NumberedWrites()
        writes.acknowledged = acknowledged
        writes.unknown = unknown
        return writes
    }

    @Test func `all that was acknowledged is there`() {
        let tally = self.writes(acknowledged: [1, 2, 3]).tally(of: [1, 2, 3])
        #expect(tally == NumberedWrites.Tally())
    }

    @Test func `an acknowledged write that is not there is lost, whatever came after it`() {
        let tally = self.writes(acknowledged: [1, 2, 3, 4]).tally(of: [1, 4])
        var expected = NumberedWrites.Tally()
        expected.acknowledgedLost = 2
        #expect(tally == expected)
    }

    @Test func `an unknown outcome is no loss, and is counted where it was carried out`() {
        let writes = self.writes(acknowledged: [1], unknown: [2, 3])
        var expected = NumberedWrites.Tally()
        #expect(writes.tally(of: [1]) == expected)
        expected.unknownCarriedOut = 1
        #expect(writes.tally(of: [1, 3]) == expected)
    }

    @Test func `a write that is there twice, or though it was denied, is counted`() {
        var expected = NumberedWrites.Tally()
        expected.carriedOutTwice = 2
        #expect(self.writes(acknowledged: [1], unknown: [2]).tally(of: [1, 1, 1]) == expected)
        expected.carriedOutTwice = 1
        expected.deniedButCarriedOut = 1
        #expect(self.writes(acknowledged: [1]).tally(of: [1, 7, 7]) == expected)
    }

    @Test func `tallies add up`() {
        let writes = self.writes(acknowledged: [1, 2], unknown: [3])
        var sum = writes.tally(of: [1, 3])
        sum += writes.tally(of: [1, 1, 9])
        var expected = NumberedWrites.Tally()
        expected.acknowledgedLost = 2
        expected.unknownCarriedOut = 1
        expected.carriedOutTwice = 1
        expected.deniedButCarriedOut = 1
        #expect(sum == expected)
    }
}

@testable import Oxbow
import Testing

/// When a lease ends and is renewed, without a clock.
@Suite struct LeaseStateTests {
    private let start = ContinuousClock.now

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant { self.start + .milliseconds(milliseconds) }

    @Test func `it ends two percent before the server's end, reckoned from before it was asked`() {
        let state = LeaseState(.seconds(10), asked: self.start)
        #expect(state.isValid(at: self.at(9799)))
        #expect(!state.isValid(at: self.at(9800)))
        #expect(state.remaining(at: self.at(9000)) == .milliseconds(800))
        #expect(state.remaining(at: self.at(9900)) == .zero)
    }

    @Test func `it is renewed at each third, and again soon when that has failed, until its end`() {
        var state = LeaseState(.seconds(9), asked: self.start)
        #expect(state.pause(at: self.start) == .seconds(3))
        #expect(state.renewalTimeout(at: self.at(3000)) == .seconds(2))
        state.renewed(for: state.life(at: self.at(3000)), asked: self.at(3000), at: self.at(3100))
        #expect(state.pause(at: self.at(3100)) == .milliseconds(2900))
        #expect(state.isValid(at: self.at(11_800)))
        state.failed(at: self.at(9000))
        #expect(state.pause(at: self.at(9000)) == .milliseconds(900))
        state.failed(at: self.at(11_500))
        // The end comes first.
        #expect(state.pause(at: self.at(11_500)) == .milliseconds(320))
        #expect(state.renewalTimeout(at: self.at(11_500)) == .milliseconds(320))
    }

    @Test func `what has ended does not begin again`() {
        var state = LeaseState(.seconds(1), asked: self.start)
        state.renewed(for: .seconds(1), asked: self.at(900), at: self.at(2000))
        #expect(!state.isValid(at: self.at(2000)))
        var finished = LeaseState(.seconds(1), asked: self.start)
        finished.finish()
        #expect(!finished.isValid(at: self.start))
        finished.renewed(for: .seconds(1), asked: self.at(1), at: self.at(2))
        #expect(!finished.isValid(at: self.at(2)))
        #expect(finished.remaining(at: self.at(2)) == .zero)
    }

    @Test func `one with a fixed end is looked at all along, and prolonged when that is near`() {
        var state = LeaseState(.seconds(30), asked: self.start, until: self.at(3_600_000))
        #expect(state.isValid(at: self.at(3_527_999)) && !state.isValid(at: self.at(3_528_000)))
        #expect(state.pause(at: self.start) == .seconds(10))
        for now in stride(from: 10_000, through: 3_580_000, by: 10_000) {
            let life = state.life(at: self.at(now))
            #expect(life == .milliseconds(3_600_000 - now))
            state.renewed(for: life, asked: self.at(now), at: self.at(now + 1))
            #expect(state.pause(at: self.at(now)) == .seconds(10))
        }
        // It ends with the interval, unless it is looked at once more.
        #expect(state.isValid(at: self.at(3_599_599)) && !state.isValid(at: self.at(3_599_600)))
        #expect(state.life(at: self.at(3_585_000)) == .seconds(15))
        #expect(state.life(at: self.at(3_585_001)) == .seconds(30))
        state.renewed(for: .seconds(30), asked: self.at(3_590_000), at: self.at(3_590_001))
        #expect(state.isValid(at: self.at(3_619_399)))
        #expect(state.life(at: self.at(4_000_000)) == .seconds(30))
        // One that is no longer than the lease: prolonged at the second look, not at the first.
        let short = LeaseState(.seconds(9), asked: self.start, until: self.at(9000))
        #expect(short.life(at: self.at(3050)) == .milliseconds(5950))
        #expect(short.life(at: self.at(6050)) == .seconds(9))
    }
}

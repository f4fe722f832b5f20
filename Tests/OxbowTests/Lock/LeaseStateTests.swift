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
        state.renewed(asked: self.at(3000), at: self.at(3100))
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
        state.renewed(asked: self.at(900), at: self.at(2000))
        #expect(!state.isValid(at: self.at(2000)))
        var finished = LeaseState(.seconds(1), asked: self.start)
        finished.finish()
        #expect(!finished.isValid(at: self.start))
        finished.renewed(asked: self.at(1), at: self.at(2))
        #expect(!finished.isValid(at: self.at(2)))
        #expect(finished.remaining(at: self.at(2)) == .zero)
    }
}

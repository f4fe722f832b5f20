import Resilience
import Testing

@Suite struct BackoffTests {
    @Test func `pauses double from the first to the longest and begin anew after a reset`() {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .milliseconds(300))
        let longest = (0..<5).map { _ in backoff.next(random: 1) }
        #expect(longest == [50, 100, 200, 300, 300].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next(random: 0) == .milliseconds(25))
    }

    @Test(arguments: [-1, 0, 0.25, 0.999, 2])
    func `a pause is between half and the whole of its ceiling`(_ random: Double) {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(8))
        for ceiling in [1, 2, 4, 8, 8] {
            let pause = backoff.next(random: random)
            #expect(pause >= .seconds(ceiling) / 2 && pause <= .seconds(ceiling))
        }
    }

    @Test func `very many attempts do not overflow`() {
        var backoff = Backoff()
        for _ in 0..<10_000 { #expect(backoff.next(random: 1) <= .seconds(2)) }
    }
}

import Resilience
import Testing

/// What a breaker does with a sequence of events.
@Suite struct CircuitBreakerTests {
    /// Thresholds and windows, events, and what is seen behind each event.
    ///
    /// Events: `s`, `f`, `u` an execution with success, failure, unknown outcome; `(` one begins, and `S`, `F`, `U` end the oldest
    /// one on its way; `+9` nine seconds pass. Seen: `c`losed, `o`pen, `h`alf-open, or `x`: denied. The breaker stays open for
    /// ten seconds.
    struct Sequence: Sendable, CustomTestStringConvertible {
        let opens: (Int, Int)
        let closes: (Int, Int)
        let events: String
        let seen: String

        init(_ opens: (Int, Int), _ closes: (Int, Int), _ events: String, _ seen: String) {
            (self.opens, self.closes, self.events, self.seen) = (opens, closes, events, seen)
        }

        var testDescription: String { "\(self.opens) \(self.closes): \(self.events)" }
    }

    static let sequences = [
        // Closed: failures in a row.
        Sequence((3, 0), (2, 0), "s s s s", "c c c c"),
        Sequence((3, 0), (2, 0), "f f", "c c"),
        Sequence((3, 0), (2, 0), "f f f", "c c o"),
        Sequence((3, 0), (2, 0), "f f s f", "c c c c"),
        Sequence((3, 0), (2, 0), "f f s f f f", "c c c c c o"),
        Sequence((3, 0), (2, 0), "s s s f f f", "c c c c c o"),
        Sequence((1, 0), (1, 0), "s f", "c o"),
        Sequence((1, 0), (1, 0), "f s", "o x"),
        Sequence((5, 0), (2, 0), "f f f f s f f f f f", "c c c c c c c c c o"),
        // A window smaller than the threshold is the threshold.
        Sequence((3, 1), (2, 0), "f f f", "c c o"),
        Sequence((3, 2), (2, 0), "f f s f f", "c c c c c"),
        Sequence((3, 3), (2, 0), "f f s f f f", "c c c c c o"),
        // So many among more.
        Sequence((2, 4), (1, 0), "f s s f", "c c c o"),
        Sequence((2, 4), (1, 0), "f s s s f", "c c c c c"),
        Sequence((2, 4), (1, 0), "f s s s f s s f", "c c c c c c c o"),
        Sequence((2, 4), (1, 0), "s s s s s s f s f", "c c c c c c c c o"),
        Sequence((3, 5), (1, 0), "f f s s s f f", "c c c c c c c"),
        Sequence((3, 5), (1, 0), "f f s s f", "c c c c o"),
        Sequence((3, 5), (1, 0), "f s f s f", "c c c c o"),
        Sequence((1, 10), (1, 0), "f", "o"),
        // What is unknown counts for nothing.
        Sequence((2, 0), (1, 0), "u u u u", "c c c c"),
        Sequence((2, 0), (1, 0), "f u u f", "c c c o"),
        Sequence((2, 2), (1, 0), "f u s u f", "c c c c c"),
        Sequence((1, 0), (2, 0), "f +10 u s s", "o o h h c"),
        // Open.
        Sequence((1, 0), (1, 0), "f +1 s +8 s", "o o x o x"),
        Sequence((1, 0), (1, 0), "f +9 f f f", "o o x x x"),
        Sequence((1, 0), (1, 0), "f +10 s", "o o c"),
        Sequence((1, 0), (1, 0), "f +10 f", "o o o"),
        Sequence((1, 0), (1, 0), "f +10 f +9 s +1 s", "o o o o x o c"),
        Sequence((1, 0), (1, 0), "f +99 s s s", "o o c c c"),
        // Half-open: successes in a row.
        Sequence((1, 0), (2, 0), "f +10 s s", "o o h c"),
        Sequence((1, 0), (2, 0), "f +10 s f", "o o h o"),
        Sequence((1, 0), (2, 0), "f +10 f", "o o o"),
        Sequence((1, 0), (3, 0), "f +10 s s s f", "o o h h c o"),
        Sequence((1, 0), (3, 1), "f +10 s s s", "o o h h c"),
        // So many among more.
        Sequence((1, 0), (2, 3), "f +10 f s s", "o o h h c"),
        Sequence((1, 0), (2, 3), "f +10 s f s", "o o h h c"),
        Sequence((1, 0), (2, 3), "f +10 f f", "o o h o"),
        Sequence((1, 0), (2, 3), "f +10 f s f", "o o h h o"),
        Sequence((1, 0), (1, 3), "f +10 f f s", "o o h h c"),
        Sequence((1, 0), (1, 3), "f +10 f f f", "o o h h o"),
        // No more at once than are looked at.
        Sequence((1, 0), (1, 0), "f +10 ( s S s", "o o h x c c"),
        Sequence((1, 0), (2, 0), "f +10 ( ( ( S S", "o o h h x h c"),
        Sequence((1, 0), (2, 0), "f +10 ( ( s U s S", "o o h h x h h c"),
        Sequence((1, 0), (1, 0), "f +10 ( U s", "o o h h c"),
        Sequence((1, 0), (2, 3), "f +10 ( f ( s f", "o o h h h x x"),
        // An execution that takes for ever does not hold it half-open for the others.
        Sequence((1, 0), (1, 0), "f +10 ( +9 s +1 s S", "o o h h x h c c"),
        Sequence((1, 0), (2, 0), "f +10 ( ( +10 s s F", "o o h h h h c c"),
        Sequence((1, 0), (2, 0), "f +10 s ( +10 s s", "o o h h h h c"),
        Sequence((1, 0), (1, 0), "f +10 ( +10 f +9 s S", "o o h h o o x o"),
        // What began before a change says nothing about the time behind it.
        Sequence((1, 0), (1, 0), "( f S", "c o o"),
        Sequence((2, 0), (1, 0), "( ( f f F F s", "c c c o o o x"),
        Sequence((1, 0), (1, 0), "( f +10 F s", "c o o o c"),
        Sequence((1, 0), (2, 0), "( f +10 s S s", "c o o h h c"),
        Sequence((1, 0), (1, 0), "( f +10 s F s", "c o o c c c"),
        Sequence((1, 0), (2, 0), "f +10 ( s +1 F +9 s s", "o o h h h o o x x"),
        // Behind all that it begins anew.
        Sequence((2, 0), (1, 0), "f f +10 s f s f f", "c o o c c c c o"),
        Sequence((2, 3), (1, 0), "f f +10 s f", "c o o c c"),
        // Thresholds below 1 are 1.
        Sequence((0, 0), (0, 0), "s f +10 s", "c o o c"),
        Sequence((-3, -1), (-1, -9), "f +10 f +10 s", "o o o o c"),
    ]

    @Test(arguments: Self.sequences)
    func `a sequence of events`(_ sequence: Sequence) {
        var configuration = CircuitBreaker.Configuration()
        (configuration.failureThreshold, configuration.failureExecutions) = sequence.opens
        (configuration.successThreshold, configuration.successExecutions) = sequence.closes
        configuration.delay = .seconds(10)
        var breaker = CircuitBreaker(configuration)
        var now = ContinuousClock.now
        var running: [CircuitBreaker.Permit] = []
        var seen: [String] = []
        let outcomes: [Character: CircuitBreaker.Outcome] = ["s": .success, "f": .failure, "u": .unknown]
        for event in sequence.events.split(separator: " ") {
            var isDenied = false
            switch event.first {
            case "+": now = now.advanced(by: .seconds(Int(event.dropFirst()) ?? 0))
            case "(":
                let permit = breaker.acquire(at: now)
                isDenied = permit == nil
                if let permit { running.append(permit) }
            case let kind?:
                guard let outcome = outcomes[Character(kind.lowercased())] else {
                    Issue.record("\(event)")
                    continue
                }
                if kind.isUppercase {
                    breaker.record(outcome, of: running.removeFirst(), at: now)
                } else if let permit = breaker.acquire(at: now) {
                    breaker.record(outcome, of: permit, at: now)
                } else {
                    isDenied = true
                }
            case nil: continue
            }
            seen.append(isDenied ? "x" : breaker.state.letter)
        }
        #expect(seen.joined(separator: " ") == sequence.seen)
    }

    @Test func `there are forty sequences and more`() { #expect(Self.sequences.count >= 40) }

    @Test func `the defaults are five failures in a row, a minute, two successes`() throws {
        var breaker = CircuitBreaker()
        let start = ContinuousClock.now
        for turn in 1...5 {
            #expect(breaker.state == .closed && breaker.isUntroubled == (turn == 1))
            let permit = breaker.acquire(at: start)
            breaker.record(.failure, of: try #require(permit), at: start)
        }
        let early = breaker.acquire(at: start + .milliseconds(59_999))
        #expect(early == nil)
        for _ in 0..<2 {
            let permit = breaker.acquire(at: start + .seconds(60))
            #expect(breaker.state == .halfOpen && !breaker.isUntroubled)
            breaker.record(.success, of: try #require(permit), at: start + .seconds(60))
        }
        #expect(breaker.state == .closed && breaker.isUntroubled)
    }
}

extension CircuitBreaker.State {
    fileprivate var letter: String {
        switch self {
        case .closed: "c"
        case .open: "o"
        case .halfOpen: "h"
        }
    }
}

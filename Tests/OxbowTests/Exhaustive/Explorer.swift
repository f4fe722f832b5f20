import Foundation
import Seeded
import Synchronization

/// Explores the schedules of a scenario: all of them by depth-first search, or some at random.
///
/// A schedule is repeated from its choices; a state that was seen before, by whichever way, is not explored again.
struct Explorer {
    struct Violation: Sendable, CustomStringConvertible {
        let text: String
        let trace: [String]

        var description: String { "\(self.text), after:\(self.trace.map { "\n      " + $0 }.joined())" }
    }

    struct Outcome: Sendable {
        var schedules = 0
        var states = 0
        var depth = 0
        var isComplete = false
        var violation: Violation?
    }

    /// A state on the way, and which of its choices is being explored.
    private struct Frame {
        let choices: [Choice]
        var index = 0
    }

    let scenario: Scenario

    /// All schedules, at most `limit`; ends with the first violation.
    func all(limit: Int) -> Outcome {
        var outcome = Outcome()
        var frames: [Frame] = []
        var seen: Set<Int> = []
        repeat {
            let world = World(self.scenario)
            defer { world.finish() }
            outcome.schedules += 1
            var depth = 0
            while world.violation == nil {
                if depth == frames.count {
                    let choices = world.choices()
                    if choices.isEmpty {
                        world.checkEnd()
                        break
                    }
                    guard seen.insert(world.fingerprint).inserted else { break }
                    frames.append(Frame(choices: choices))
                }
                let choice = frames[depth].choices[frames[depth].index]
                guard world.perform(choice) else {
                    outcome.violation = Violation(text: "not repeatable: \(choice)", trace: [])
                    return outcome
                }
                depth += 1
            }
            outcome.depth = max(outcome.depth, depth)
            outcome.states = seen.count
            if let text = world.violation {
                outcome.violation = self.shrunk(frames.prefix(depth).map { $0.choices[$0.index] }, text)
                return outcome
            }
            while let last = frames.last, last.index + 1 == last.choices.count { frames.removeLast() }
            if frames.isEmpty {
                outcome.isComplete = true
                return outcome
            }
            frames[frames.count - 1].index += 1
        } while outcome.schedules < limit
        return outcome
    }

    /// Schedules at random; each is repeated by the same seed.
    func random(_ count: Int, seed: UInt64) -> Outcome {
        var outcome = Outcome()
        var generator = SeededGenerator(seed: seed)
        while outcome.schedules < count {
            let world = World(self.scenario)
            defer { world.finish() }
            outcome.schedules += 1
            var taken: [Choice] = []
            while world.violation == nil {
                let choices = world.choices()
                guard !choices.isEmpty else {
                    world.checkEnd()
                    break
                }
                // Faults are many and would come first every time.
                let steps = choices.filter { !$0.isFault }
                let isStep = !steps.isEmpty && Int.random(in: 0..<5, using: &generator) > 0
                guard let choice = (isStep ? steps : choices).randomElement(using: &generator) else { break }
                taken.append(choice)
                guard world.perform(choice) else { break }
            }
            outcome.depth = max(outcome.depth, taken.count)
            if let text = world.violation {
                outcome.violation = self.shrunk(taken, text)
                return outcome
            }
        }
        return outcome
    }

    // MARK: Violations

    /// Leaves out one choice after the other as long as something still goes wrong.
    private func shrunk(_ choices: [Choice], _ text: String) -> Violation {
        var (choices, best) = (choices, Violation(text: text, trace: []))
        if let first = self.repeated(choices) { best = first }
        var index = choices.count - 1
        while index >= 0 {
            var fewer = choices
            fewer.remove(at: index)
            if let violation = self.repeated(fewer) { (choices, best) = (fewer, violation) }
            index -= 1
        }
        return best
    }

    /// What the choices lead to; those that are not possible are passed over, and when none is left the first ones
    /// possible are taken.
    private func repeated(_ choices: [Choice]) -> Violation? {
        let world = World(self.scenario, isTraced: true)
        defer { world.finish() }
        for choice in choices where world.violation == nil {
            if world.choices().contains(choice) { _ = world.perform(choice) }
        }
        while world.violation == nil {
            let choices = world.choices()
            guard let next = choices.first else {
                world.checkEnd()
                break
            }
            _ = world.perform(next)
        }
        guard let text = world.violation else { return nil }
        return Violation(text: text, trace: world.state.withLock { $0.trace ?? [] })
    }
}

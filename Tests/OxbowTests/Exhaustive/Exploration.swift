import Foundation

/// How far explorations go, and how they are reported.
enum Exploration {
    /// `OXBOW_EXHAUSTIVE=1` explores large scenarios, too; that takes hours.
    static var isFull: Bool { ProcessInfo.processInfo.environment["OXBOW_EXHAUSTIVE"] == "1" }

    /// `OXBOW_EXHAUSTIVE_SEED` repeats the random part of a run.
    private static let seed =
        ProcessInfo.processInfo.environment["OXBOW_EXHAUSTIVE_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max)

    /// Explores all schedules, as long as there are no more than `limit`.
    static func all(_ scenario: Scenario, limit: Int = .max) async -> Explorer.Outcome {
        let outcome = await self.run { Explorer(scenario: scenario).all(limit: limit) }
        let extent = outcome.isComplete ? "all \(outcome.states) states" : "\(outcome.states) states, then stopped"
        self.report(scenario, outcome, extent)
        return outcome
    }

    /// Explores some schedules at random.
    static func random(_ scenario: Scenario, _ count: Int) async -> Explorer.Outcome {
        let seed = self.seed
        let outcome = await self.run { Explorer(scenario: scenario).random(count, seed: seed) }
        self.report(scenario, outcome, "at random, OXBOW_EXHAUSTIVE_SEED=\(seed)")
        return outcome
    }

    /// On a thread of its own: the explorer is the executor of its tasks, and blocks.
    private static func run(_ body: @Sendable @escaping () -> Explorer.Outcome) async -> Explorer.Outcome {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    private static func report(_ scenario: Scenario, _ outcome: Explorer.Outcome, _ extent: String) {
        let violations = outcome.violation == nil ? 0 : 1
        print(
            "exhaustive: \(scenario.name): \(outcome.schedules) schedules, \(extent), depth <= \(outcome.depth), "
                + "\(violations) violations"
        )
        if let violation = outcome.violation { print("    \(violation.text)") }
    }
}

import Histogram
import NIOCore

/// A call that many tasks repeat until the time is over.
///
/// Tasks share nothing: each has its own histogram and looks at the clock itself, around
/// every `sampling`-th call, which is also when it notices the end.
struct Load: Sendable {
    /// How many tasks call at once.
    var tasks = 1
    /// How many operations one call is, such as 100 for a pipeline of 100.
    var operationsPerCall = 1
    /// Every how many calls one is timed: 1 for calls that take long anyway.
    var sampling = 16
    /// Where the tasks run; `nil`: on the global pool.
    var executor: (any TaskExecutor)?
    /// What whoever measures does after each run, outside of the figures: see that all calls did what they should, tidy.
    var afterwards: @Sendable () async throws -> Void = {}
    /// The call; it gets the number of its task and of the call within the task.
    var call: @Sendable (_ task: Int, _ round: Int) async throws -> Void

    /// What all tasks did together.
    struct Outcome: Sendable {
        var operations = 0
        var elapsedNanoseconds: UInt64 = 0
        var latencies = Self.emptyHistogram()

        /// Room for 0.1 µs to 100 s with an error of at most 1 %; 16 KB.
        static func emptyHistogram() -> Histogram<UInt32> {
            Histogram(
                lowestDiscernibleValue: 64,
                highestTrackableValue: 100_000_000_000,
                numberOfSignificantValueDigits: .two
            )
        }
    }

    /// Runs the tasks for `duration` and waits for their last calls.
    func run(for duration: Duration) async throws -> Outcome {
        let start = NIODeadline.now()
        let end = start + TimeAmount(duration)
        let parts = try await withThrowingTaskGroup(of: Outcome.self) { group in
            for task in 0..<self.tasks {
                if let executor {
                    group.addTask(executorPreference: executor) { try await self.loop(task, until: end) }
                } else {
                    group.addTask { try await self.loop(task, until: end) }
                }
            }
            var parts: [Outcome] = []
            for try await part in group { parts.append(part) }
            return parts
        }
        var total = Outcome()
        total.elapsedNanoseconds = UInt64((NIODeadline.now() - start).nanoseconds)
        for part in parts {
            total.operations += part.operations
            total.latencies.add(part.latencies)
        }
        return total
    }

    private func loop(_ task: Int, until end: NIODeadline) async throws -> Outcome {
        var outcome = Outcome()
        var round = 0
        // Tasks are out of step, so that they do not all look at the clock in the same batch.
        var unsampled = task % self.sampling
        while true {
            if unsampled > 0 {
                unsampled -= 1
                try await self.call(task, round)
                round += 1
                continue
            }
            unsampled = self.sampling - 1
            let before = NIODeadline.now()
            try await self.call(task, round)
            round += 1
            let after = NIODeadline.now()
            _ = outcome.latencies.record(UInt64(max(0, (after - before).nanoseconds)))
            if after >= end { break }
        }
        outcome.operations = round * self.operationsPerCall
        return outcome
    }
}

extension Load {
    /// Runs the tasks until together they have done a number of operations, without looking at the clock.
    ///
    /// - Parameter operations: rounded up to whole calls.
    /// - Returns: how many operations were done.
    /// - Throws: the first error of a call.
    func run(operations: Int) async throws -> Int {
        let calls = self.calls(for: operations)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<self.tasks {
                let share = calls / self.tasks + (task < calls % self.tasks ? 1 : 0)
                group.addTask(executorPreference: self.executor) {
                    for round in 0..<share { try await self.call(task, round) }
                }
            }
            try await group.waitForAll()
        }
        return calls * self.operationsPerCall
    }

    /// How many calls it takes to do so many operations.
    func calls(for operations: Int) -> Int {
        max(1, (operations + self.operationsPerCall - 1) / self.operationsPerCall)
    }
}

extension Measurement {
    /// Runs a number of operations and nothing else, for tools that watch this process.
    ///
    /// - Parameter operations: rounded up to whole calls.
    /// - Returns: how many operations were done.
    /// - Throws: ``BenchmarkError`` with the workload's name.
    func run(operations: Int) async throws -> Int {
        try await self.tidied {
            let load = try self.workload.load(on: self.bench)
            let done = try await load.run(operations: operations)
            try await load.afterwards()
            return done
        }
    }
}

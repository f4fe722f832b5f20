import CAllocationCount

/// How often this process asks the C library for memory, counted at `malloc` and its kin by every thread.
enum Allocations {
    /// Whether they can be counted here.
    static var canBeCounted: Bool { allocation_count_is_available() }

    /// The allocations of one operation of a load, those of the harness taken off.
    ///
    /// Each load runs twice, for `operations` and for three times as many: the difference is free of what starting and
    /// ending costs.
    ///
    /// - Parameters:
    ///   - load: what is counted.
    ///   - operations: rounded up so that each task makes at least two calls.
    /// - Returns: the mean of all operations.
    /// - Throws: the first error of a call.
    static func perOperation(_ load: Load, operations: Int) async throws -> Double {
        let operations = max(operations, 2 * load.tasks * load.operationsPerCall)
        var harness = load
        harness.call = { _, _ in }
        harness.afterwards = {}
        let ours = try await Self.perOperation(of: harness, operations: operations)
        return try await Self.perOperation(of: load, operations: operations) - ours
    }

    private static func perOperation(of load: Load, operations: Int) async throws -> Double {
        let (few, fewDone) = try await Self.count(load, operations)
        let (many, manyDone) = try await Self.count(load, 3 * operations)
        return Double(Int(many) - Int(few)) / Double(manyDone - fewDone)
    }

    private static func count(_ load: Load, _ operations: Int) async throws -> (count: UInt64, operations: Int) {
        let before = allocation_count_total()
        allocation_count_enable(true)
        defer { allocation_count_enable(false) }
        let done = try await load.run(operations: operations)
        allocation_count_enable(false)
        let count = allocation_count_total() - before
        try await load.afterwards()
        return (count, done)
    }
}

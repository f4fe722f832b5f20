import Oxbow
import Testing

/// Where the body of a lock runs, and what it may capture.
@Suite(.timeLimit(.minutes(1))) struct LockBodyTests {
    /// Not `Sendable`.
    private final class Figures {
        var numbers: [Int] = []
    }

    private actor Keeper {
        let figures = Figures()
        let oxbow: Oxbow
        init(_ oxbow: Oxbow) { self.oxbow = oxbow }

        func directly() async throws -> Int {
            var count = 0
            try await self.oxbow.withLock(freshModule("actor"), waitingAtMost: .seconds(5)) { _ in
                self.assertIsolated()
                self.figures.numbers.append(1)
                await Task.yield()
                self.assertIsolated()
                count = self.figures.numbers.count
            }
            self.assertIsolated()
            return count
        }

        /// In a function that is isolated as its caller is.
        func indirectly() async throws -> Int {
            try await Keeper.add(to: self.figures, self.oxbow, of: self)
            return self.figures.numbers.count
        }

        private nonisolated static func add(to figures: Figures, _ oxbow: Oxbow, of keeper: Keeper) async throws {
            try await oxbow.withLock(freshModule("caller"), waitingAtMost: .seconds(5)) { _ in
                keeper.assertIsolated()
                figures.numbers.append(2)
                await Task.yield()
                keeper.assertIsolated()
                figures.numbers.append(3)
            }
            keeper.assertIsolated()
        }
    }

    @Test func `the body changes a variable of its caller and captures what is not Sendable`() async throws {
        try await withOxbow(.memory) { oxbow async throws in
            var sum = 0
            let figures = Figures()
            func add(_ number: Int, _ body: (Int) async throws -> Void) async throws -> Figures {
                try await oxbow.withLock("sum", waitingAtMost: .seconds(5)) { _ in
                    sum += number
                    figures.numbers.append(number)
                    // A closure that does not escape.
                    try await body(number)
                    return figures
                }
            }
            var seen: [Int] = []
            for number in 1...10 {
                let returned = try await add(number) { seen.append($0) }
                #expect(returned === figures)
            }
            check(sum, 55)
            check(figures.numbers, seen)
            let last = try await oxbow.withLockIfAvailable("sum") { lease in
                try await lease.reenter { _ in
                    sum += 1
                    return figures
                }
            }
            check(last?.numbers.count, 10)
            check(sum, 56)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `the body runs in the isolation of its caller`(_ kind: StoreKind) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let keeper = Keeper(oxbow)
            check(try await keeper.directly(), 1)
            check(try await keeper.indirectly(), 3)
            let task = Task { @MainActor in
                var count = 0
                try await oxbow.withLock(freshModule("main"), waitingAtMost: .seconds(5)) { _ in
                    MainActor.assertIsolated()
                    count += 1
                }
                return count
            }
            check(try await task.value, 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `cancelling the caller cancels the body, and the caller sees its variables as the body left them`(
        _ kind: StoreKind
    ) async throws {
        try await withOxbow(kind) { oxbow async throws in
            let gate = Gate()
            gate.open()
            let caller = Task {
                var steps: [String] = []
                do {
                    try await oxbow.withLock(freshModule("cancelled"), waitingAtMost: .seconds(5)) { _ in
                        steps.append("begun")
                        await gate.pass()
                        defer { steps.append("ended") }
                        try await Task.sleep(for: .seconds(60))
                    }
                } catch {
                    steps.append("\(type(of: error))")
                }
                return steps
            }
            await gate.arrival()
            caller.cancel()
            check(await caller.value, ["begun", "ended", "CancellationError"])
            check(oxbow.lockStatistics.lost, 0)
        }
    }
}

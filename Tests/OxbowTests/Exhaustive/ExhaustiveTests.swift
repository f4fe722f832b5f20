import Testing

/// The real caches on the store in memory, in every order that their steps can take.
@Suite struct ExhaustiveTests {
    /// `OXBOW_EXHAUSTIVE=1` explores a scenario with more states than these need schedules no further.
    private static let limit = 500_000

    @Test(arguments: Scenario.small)
    func `no schedule breaks a promise`(_ scenario: Scenario) async {
        let outcome = await Exploration.all(scenario)
        self.expectNone(outcome.violation)
        #expect(outcome.isComplete)
    }

    @Test(arguments: Scenario.large)
    func `no schedule among many breaks a promise`(_ scenario: Scenario) async {
        if Exploration.isFull { self.expectNone(await Exploration.all(scenario, limit: Self.limit).violation) }
        self.expectNone(await Exploration.random(scenario, Exploration.isFull ? 20_000 : 150).violation)
    }

    private func expectNone(_ violation: Explorer.Violation?) {
        if let violation { Issue.record("\(violation)") }
    }
}

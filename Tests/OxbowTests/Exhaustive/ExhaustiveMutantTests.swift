import Oxbow
import Testing

/// The exploration finds what it looks for: with a rule broken in the store, some schedule breaks a promise.
@Suite struct ExhaustiveMutantTests {
    @Test(arguments: MutantStore.Mutation.allCases)
    func `each rule of the store is needed`(_ mutation: MutantStore.Mutation) async throws {
        var scenario = try #require(mutation.scenario)
        scenario.name += " with \(mutation)"
        scenario.store = { MutantStore(memory: $0, mutation: mutation) }
        let outcome = await Exploration.all(scenario)
        #expect(outcome.violation != nil)
    }

    @Test func `plain cache-aside stores stale values`() async throws {
        let reader = Scenario.Actor(name: "R0", process: 0, work: [.naiveRead(0)])
        let outcome = await Exploration.all(
            Scenario("get, load, set and delete", [reader, .writer(0, .invalidate(0))])
        )
        let violation = try #require(outcome.violation)
        #expect(violation.text.contains("a stale fill"))
    }
}

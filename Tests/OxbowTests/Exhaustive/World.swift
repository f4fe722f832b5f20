import NIOCore
import Oxbow
import Synchronization

/// One execution of a scenario: the store, the database, the processes, and the steps that are waiting to be taken.
///
/// Everything between two steps runs on one executor until it stands still, so that the choices alone decide what happens.
final class World: Sendable {
    struct ActorState {
        /// How many steps it has come to.
        var issued = 0
        var isFinished = false
        var isCancelled = false
        /// The claim it loads under.
        var claim: (cell: CellAddress, token: Token)?
        /// The closings of its update, by the cell's number.
        var closings: [Int: Closing] = [:]
        var task: Task<Void, Never>?
    }

    /// A closing; what was written under it must be visible when it ends.
    struct Closing {
        /// `nil` if the update has not closed the cell at all.
        let token: Token?
        /// In half lives.
        var end: Int
        /// Whether nothing has opened the cell in between.
        var isCovered = true
        var version: Int?
    }

    struct State {
        var pending: [Step] = []
        var actors: [ActorState]
        /// The database: one version for each cell.
        var versions: [Int]
        /// What every read that begins now must at least return.
        var required: [Int]
        var loads: [Int]
        /// What each process has seen so far, in order, and with it all that decides what it does next.
        var histories: [Int: Int] = [:]
        var crashed: Set<Int> = []
        var left: Scenario.Faults
        var halfLives = 0
        /// When the claim in a cell ends, in half lives.
        var claimEnds: [Int: Int] = [:]
        var violation: String?
        var trace: [String]?
        var isOver = false
    }

    /// The number of the actor whose task this is.
    @TaskLocal static var actor = -1

    /// Renewals and the tick of loads have real timers, which must not fire within a schedule.
    static let claimLife = Duration.seconds(90)
    /// After as many half lives a claim has ended.
    static let halvesOfLife = 2

    let scenario: Scenario
    let memory: MemoryStore
    let base: any CacheStore
    let cells: [CellAddress]
    let executor = ManualExecutor()
    let state: Mutex<State>
    /// Readable names of tokens, by their bytes.
    let names = Mutex<[ByteBuffer: String]>([:])
    private let clock: Counter

    init(_ scenario: Scenario, isTraced: Bool = false) {
        self.scenario = scenario
        let (clock, start) = (Counter(), ContinuousClock.now)
        self.clock = clock
        self.memory = MemoryStore(now: { start + (Self.claimLife / 2 + .milliseconds(1)) * clock.value })
        self.base = scenario.store(self.memory)
        let count = scenario.cellCount
        let prefix = "ox-cache:m:1:"
        self.cells = (0..<count)
            .map { number in
                scenario.form == .key
                    ? CellAddress(key: CellName(encoded: "\(prefix)k\(number)"))
                    : CellAddress(key: CellName(encoded: "\(prefix)g"), field: CellName(encoded: "k\(number)"))
            }
        let zeros = Array(repeating: 0, count: count)
        self.state = Mutex(
            State(
                actors: scenario.actors.map { _ in ActorState() },
                versions: zeros,
                required: zeros,
                loads: zeros,
                left: scenario.faults,
                trace: isTraced ? [] : nil
            )
        )
        self.startActors()
    }

    private func startActors() {
        var configuration = CacheConfiguration()
        configuration.claimLife = Self.claimLife
        configuration.maximumLoad = .seconds(3600)
        if self.scenario.sharesLooks { configuration.looksAtOnce = 0 }
        configuration.waitForLoad = self.scenario.isPatient ? .seconds(3600) : .zero
        configuration.jitterPercent = 0
        var processes: [Int: Oxbow] = [:]
        for (number, actor) in self.scenario.actors.enumerated() {
            let oxbow =
                processes[actor.process]
                ?? Oxbow(configuration, store: SteppedStore(world: self), logger: silent)
            processes[actor.process] = oxbow
            let caches = ProcessCaches(oxbow, self.scenario.form)
            let task = Self.$actor.withValue(number) {
                Task(executorPreference: self.executor) { await self.act(actor, caches) }
            }
            self.state.withLock { $0.actors[number].task = task }
        }
        self.executor.runUntilIdle()
    }

    /// The number of a cell.
    func number(_ cell: CellAddress?) -> Int? { cell.flatMap(self.cells.firstIndex(of:)) }

    /// The process of an actor.
    func process(_ actor: Int) -> Int { self.scenario.actors[actor].process }

    /// Turns the clock.
    func passHalfLife() {
        self.clock.increment()
        self.noteHalfLife()
    }
}

import Oxbow
import Testing

/// Who does what on which cells, and what may go wrong: all schedules of it are explored.
struct Scenario: Sendable {
    /// One thing that an actor does; the numbers are those of cells.
    enum Work: Sendable, Hashable {
        case read(Int)
        /// Writes, then invalidates.
        case invalidate(Int)
        /// Writes all cells, then invalidates the group.
        case invalidateGroup
        case update([Int])
        case writeThrough(Int)
        /// A request scope in which a read runs beside a write with its invalidation, then a second read.
        case request(Int)
        /// Plain cache-aside, as a control: get, load, set.
        case naiveRead(Int)
    }

    /// A sequence of calls in one process.
    struct Actor: Sendable {
        let name: String
        let process: Int
        let work: [Work]
    }

    /// How often each thing may happen in one schedule.
    struct Faults: Sendable, Hashable {
        /// A process does nothing any more.
        var crashes = 0
        /// A bit more than half of a claim's life goes by: twice ends claims and closings.
        var halfLives = 0
        /// The renewal of a claim or a closing whose holder is at work.
        var renewals = 0
        /// The store fails an operation, before or behind it.
        var losses = 0
        /// The task of a reader is cancelled.
        var cancellations = 0
    }

    var name: String
    var form = CellForm.key
    let actors: [Actor]
    var faults = Faults()
    /// Whether readers wait for others' loads, or load past them.
    var isPatient = true
    /// Whether all looks at cells fail, so that nobody has a claim.
    var isStoreAway = false
    /// Whether readers of one process share their looks, however few they are.
    var sharesLooks = false
    /// What stands between the actors and the store: mutants of the store.
    var store: @Sendable (MemoryStore) -> any CacheStore = { $0 }

    init(
        _ name: String,
        form: CellForm = .key,
        faults: Faults = Faults(),
        isPatient: Bool = true,
        isStoreAway: Bool = false,
        sharesLooks: Bool = false,
        _ actors: [Actor]
    ) {
        self.name = name
        self.form = form
        self.faults = faults
        self.isPatient = isPatient
        self.isStoreAway = isStoreAway
        self.sharesLooks = sharesLooks
        self.actors = actors
    }

    var cellCount: Int { self.cells.count }

    private var cells: Set<Int> {
        Set(
            self.actors.flatMap(\.work)
                .flatMap { work -> [Int] in
                    switch work {
                    case .read(let cell), .invalidate(let cell), .writeThrough(let cell), .request(let cell),
                        .naiveRead(let cell):
                        [cell]
                    case .update(let cells): cells
                    case .invalidateGroup: []
                    }
                }
        )
    }

    /// Whether all actors only read and nothing goes wrong: then one load per cell is promised.
    var promisesOneLoad: Bool {
        self.isPatient && !self.isStoreAway && self.faults == Faults()
            && self.actors.flatMap(\.work).allSatisfy { if case .read = $0 { true } else { false } }
    }

    /// Whether other actors live in an actor's process: then the moment at which an answer arrives matters, too.
    func isShared(_ process: Int) -> Bool { self.actors.count { $0.process == process } > 1 }
}

extension Scenario: CustomTestStringConvertible {
    var testDescription: String { self.name }
}

extension Scenario.Actor {
    /// A reader of the process, named `R` and its number.
    static func reader(_ number: Int, in process: Int, _ cells: Int...) -> Self {
        Self(name: "R\(number)", process: process, work: cells.map { .read($0) })
    }

    /// A writer in a process of its own.
    static func writer(_ number: Int, _ work: Scenario.Work...) -> Self {
        Self(name: "W\(number)", process: 10 + number, work: work)
    }

    /// A writer in a process that has readers, too.
    static func writer(_ number: Int, in process: Int, _ work: Scenario.Work...) -> Self {
        Self(name: "W\(number)", process: process, work: work)
    }
}

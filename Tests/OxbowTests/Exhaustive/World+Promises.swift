import NIOCore
import Oxbow
import Synchronization

/// What is promised, and what has been seen of it.
extension World {
    var violation: String? { self.state.withLock { $0.violation } }

    private func violate(_ state: inout State, _ text: String) {
        if state.violation == nil { state.violation = text }
    }

    private var actorName: String { self.scenario.actors[Self.actor].name }

    // MARK: Notes of the actors

    func check(_ value: Int, of cell: Int, isAtLeast least: Int) {
        let name = self.actorName
        self.state.withLock { state in
            if value < least {
                self.violate(&state, "\(name) returns \(value) of k\(cell): \(least) was acknowledged before it began")
            }
            if value > state.versions[cell] { self.violate(&state, "\(name) returns \(value), which nobody wrote") }
        }
    }

    /// A call whose writes must be seen from now on has returned.
    func acknowledge(_ versions: [Int: Int]) {
        let actor = Self.actor
        self.state.withLock { state in
            for (cell, version) in versions { state.required[cell] = max(state.required[cell], version) }
            state.actors[actor].closings = [:]
        }
        self.note("\(self.actorName) has returned", nil)
    }

    /// A call has thrown: never a read, unless it was cancelled, and a write only when the store failed.
    func noteFailure(of work: Scenario.Work, _ error: any Error) {
        let (actor, name) = (Self.actor, self.actorName)
        self.state.withLock { state in
            guard !state.isOver else { return }
            let isCancelled = state.actors[actor].isCancelled && error is CancellationError
            let isRead = if case .read = work { true } else { false }
            let mayFail = !isRead && self.scenario.faults.losses > state.left.losses
            if !isCancelled, !mayFail { self.violate(&state, "\(name) throws \(error)") }
        }
        self.note("\(name) throws", nil)
    }

    /// Sets the claim that the actor loads under; `nil` when it has given it up.
    func noteClaim(_ claim: (cell: CellAddress, token: Token)?) {
        let actor = Self.actor
        self.state.withLock { $0.actors[actor].claim = claim }
    }

    /// A claim stands in the cell now, or is prolonged.
    func noteClaimEnd(_ cell: CellAddress) {
        guard let number = self.number(cell) else { return }
        self.state.withLock { $0.claimEnds[number] = $0.halfLives + Self.halvesOfLife }
    }

    func noteClosing(_ cell: CellAddress, _ token: Token) {
        guard let number = self.number(cell) else { return }
        let actor = Self.actor
        self.state.withLock { state in
            state.actors[actor].closings[number] = Closing(token: token, end: state.halfLives + Self.halvesOfLife)
        }
    }

    /// A group's invalidation opens what updates have closed; that a crash then leaves old values is documented.
    func noteGroupInvalidation() {
        self.state.withLock { state in
            for actor in state.actors.indices {
                for cell in state.actors[actor].closings.keys {
                    state.actors[actor].closings[cell]?.isCovered = false
                }
            }
        }
    }

    /// Writes to the database; what an update writes while its closing stands must be visible when that ends by itself.
    func writeVersions(_ cells: [Int], isUpdate: Bool) -> [Int] {
        let actor = Self.actor
        return self.state.withLock { state in
            for cell in cells {
                state.versions[cell] += 1
                guard isUpdate else { continue }
                let end = state.halfLives + Self.halvesOfLife
                let closing = state.actors[actor].closings[cell] ?? Closing(token: nil, end: end)
                state.actors[actor].closings[cell] = closing
                if closing.isCovered, closing.end > state.halfLives {
                    state.actors[actor].closings[cell]?.version = state.versions[cell]
                }
            }
            return cells.map { state.versions[$0] }
        }
    }

    func noteHalfLife() {
        self.state.withLock { state in
            state.halfLives += 1
            for actor in state.actors {
                for (cell, closing) in actor.closings where closing.end <= state.halfLives {
                    state.required[cell] = max(state.required[cell], closing.version ?? 0)
                }
            }
        }
    }

    // MARK: Checks

    /// Without a claim a process runs one load of a cell at a time (rule 5); claims give one load at a time of themselves.
    func checkLoads(_ state: inout State) {
        guard let load = state.pending.last, !load.isClaimed else { return }
        let others = state.pending.dropLast()
            .filter { other in
                other.kind == .load && !other.isClaimed && other.cell == load.cell
                    && self.process(other.actor) == self.process(load.actor)
            }
        if !others.isEmpty { self.violate(&state, "two loads without a claim in one process") }
    }

    /// A cell never holds something older than what the next read must return.
    func checkCells() {
        for (number, cell) in self.cells.enumerated() {
            guard case .value(let envelope, _) = CellContent(self.memory.bytes(in: cell)),
                let version = Int(String(buffer: envelope.payload))
            else { continue }
            self.state.withLock { state in
                if version < state.required[number] {
                    self.violate(
                        &state,
                        "k\(number) holds \(version), and \(state.required[number]) is acknowledged: a stale fill"
                    )
                }
            }
        }
    }

    /// Nothing can be done any more: everybody alive must have come to an end.
    func checkEnd() {
        self.state.withLock { state in
            for (number, actor) in state.actors.enumerated() {
                if !actor.isFinished, !state.crashed.contains(self.process(number)) {
                    self.violate(&state, "\(self.scenario.actors[number].name) hangs")
                }
            }
            if self.scenario.promisesOneLoad, state.loads.contains(where: { $0 != 1 }) {
                self.violate(&state, "\(state.loads) loads of the cells, where one each is promised")
            }
        }
    }
}

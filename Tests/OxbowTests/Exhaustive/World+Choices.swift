import Foundation
import Oxbow
import Synchronization

/// What can happen next, and making it happen.
extension World {
    /// All that can happen now, in an order that is the same in each run.
    func choices() -> [Choice] {
        let isHeld = self.cells.map { self.isHeld($0) }
        let gone = self.cells.map { CellContent(self.memory.bytes(in: $0)) }
        return self.state.withLock { state in
            var (steps, faults): ([Choice], [Choice]) = ([], [])
            for step in state.pending.sorted(by: { ($0.actor, $0.number) < ($1.actor, $1.number) })
            where !state.crashed.contains(self.process(step.actor)) {
                let isReady =
                    if case .wait(let token) = step.kind, step.answer == nil, let cell = step.cell {
                        gone[cell] != .claim(token)
                    } else {
                        true
                    }
                if isReady { steps.append(.step(actor: step.actor, number: step.number)) }
                faults += self.losses(of: step, isReady: isReady, state)
                if self.isRenewable(step, state) { faults.append(.renew(actor: step.actor)) }
            }
            let isUnended = state.actors.contains { $0.closings.values.contains { $0.end > state.halfLives } }
            if state.left.halfLives > 0, isUnended || isHeld.contains(true) { faults.append(.halfLife) }
            for (number, actor) in state.actors.enumerated() where !actor.isFinished {
                let process = self.process(number)
                guard !state.crashed.contains(process) else { continue }
                let crash = Choice.crash(process: process)
                if state.left.crashes > 0, !faults.contains(crash) { faults.append(crash) }
                if state.left.cancellations > 0, !actor.isCancelled, actor.issued > 1,
                    case .read? = self.scenario.actors[number].work.first
                {
                    faults.append(.cancel(actor: number))
                }
            }
            // At the end all claims and closings run out: somebody may be waiting for that.
            let isWaiting = isHeld.contains(true) && !state.actors.allSatisfy(\.isFinished)
            if steps.isEmpty, !faults.contains(.halfLife), isUnended || isWaiting {
                faults.append(.halfLife)
            }
            return steps + faults
        }
    }

    private func isHeld(_ cell: CellAddress) -> Bool {
        switch CellContent(self.memory.bytes(in: cell)) {
        case .claim, .closed: true
        case .absent, .value, .unusable, .pass: false
        }
    }

    /// How a step may fail: by the store, or because its task is cancelled.
    private func losses(of step: Step, isReady: Bool, _ state: State) -> [Choice] {
        let isCancelled =
            state.actors[step.actor].isCancelled && step.kind != .release && step.kind != .open && step.kind != .begin
        guard isCancelled || (state.left.losses > 0 && step.isStoreOperation) else { return [] }
        let notCarriedOut = Choice.lose(actor: step.actor, number: step.number, isCarriedOut: false)
        let answerLost = Choice.lose(actor: step.actor, number: step.number, isCarriedOut: true)
        if step.answer != nil { return [answerLost] }
        if case .wait = step.kind { return [notCarriedOut] }
        return self.scenario.isShared(self.process(step.actor)) || step.kind == .load || step.kind == .read
            ? [notCarriedOut] : [notCarriedOut, answerLost]
    }

    private func isRenewable(_ step: Step, _ state: State) -> Bool {
        guard state.left.renewals > 0, !state.actors[step.actor].isCancelled else { return false }
        return switch step.kind {
        case .load: step.isClaimed
        case .write: !state.actors[step.actor].closings.isEmpty
        default: false
        }
    }

    /// Makes it happen, and lets everybody run until they stand still.
    ///
    /// - Returns: whether it was possible.
    func perform(_ choice: Choice) -> Bool {
        defer { self.checkCells() }
        switch choice {
        case .step(let actor, let number):
            guard let step = self.take(actor, number) else { return false }
            self.resume(step, .go)
            if step.kind == .begin { self.goOn(actor) }
        case .lose(let actor, let number, let isCarriedOut):
            guard let step = self.take(actor, number) else { return false }
            self.state.withLock { if !$0.actors[actor].isCancelled { $0.left.losses -= 1 } }
            self.resume(step, .lost(isCarriedOut: isCarriedOut))
        case .crash(let process):
            self.state.withLock { state in
                state.crashed.insert(process)
                state.left.crashes -= 1
            }
            self.note("process \(process) crashes", nil)
        case .halfLife:
            self.state.withLock { $0.left.halfLives -= 1 }
            self.passHalfLife()
            for cell in self.cells { self.note("half a life passes", cell) }
        case .renew(let actor):
            self.renew(actor)
        case .cancel(let actor):
            let task = self.state.withLock { state in
                state.actors[actor].isCancelled = true
                state.left.cancellations -= 1
                return state.actors[actor].task
            }
            self.note("\(self.scenario.actors[actor].name) is cancelled", nil)
            task?.cancel()
            self.executor.runUntilIdle()
        }
        return true
    }

    /// The beginning of a call and its first operation are one step: for what the call must see, a later beginning is the
    /// harder case.
    private func goOn(_ actor: Int) {
        guard self.scenario.faults.losses == 0, self.scenario.faults.cancellations == 0 else { return }
        let steps = self.state.withLock { state in state.pending.filter { $0.actor == actor } }
        guard steps.count == 1, let step = self.take(actor, steps[0].number) else { return }
        self.resume(step, .go)
    }

    private func take(_ actor: Int, _ number: Int) -> Step? {
        // A timer of the engine may have something on its way to the executor: rarely, and only for a moment.
        for _ in 0..<1000 {
            let step = self.state.withLock { state -> Step? in
                let index = state.pending.firstIndex { $0.actor == actor && $0.number == number }
                return index.map { state.pending.remove(at: $0) }
            }
            if let step { return step }
            Thread.sleep(forTimeInterval: 0.001)
            self.executor.runUntilIdle()
        }
        return nil
    }

    private func resume(_ step: Step, _ outcome: Step.Outcome) {
        step.continuation.resume(returning: outcome)
        self.executor.runUntilIdle()
    }

    /// What the renewal beside a load or a write does.
    private func renew(_ actor: Int) {
        let (claim, closings) = self.state.withLock { state in
            state.left.renewals -= 1
            return (state.actors[actor].claim, state.actors[actor].closings)
        }
        Self.$actor.withValue(actor) {
            _ = Task(executorPreference: self.executor) {
                if let (cell, token) = claim, try await self.base.renew(cell, token, for: Self.claimLife) {
                    self.noteClaimEnd(cell)
                }
                for (number, closing) in closings {
                    let cell = self.cells[number]
                    guard let token = closing.token else { continue }
                    try await self.base.close(cell, token, for: Self.claimLife, isRenewal: true)
                    self.noteClosing(cell, token)
                }
            }
        }
        self.executor.runUntilIdle()
        for cell in self.cells { self.note("\(self.scenario.actors[actor].name) renews", cell) }
    }

    /// Ends the schedule: nobody is left standing.
    func finish() {
        for _ in 0..<10_000 {
            let (steps, isDone) = self.state.withLock { state in
                defer { state.pending = [] }
                state.isOver = true
                return (state.pending, state.actors.allSatisfy(\.isFinished))
            }
            if isDone, steps.isEmpty { return }
            for step in steps { step.continuation.resume(returning: .over) }
            self.executor.runUntilIdle()
            if steps.isEmpty { Thread.sleep(forTimeInterval: 0.001) }
        }
    }
}

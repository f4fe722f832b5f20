import Oxbow
import Synchronization

/// Steps, as they are taken in the actors' tasks.
extension World {
    /// Stands still until the explorer chooses this step, and carries it out; `body` gives the answer, and its name in
    /// histories and traces.
    func step<Answer>(
        _ kind: Step.Kind,
        _ text: String,
        _ cell: CellAddress? = nil,
        _ body: () async throws -> (answer: Answer, shown: String)
    ) async throws -> Answer {
        let actor = Self.actor
        let number = self.state.withLock { state in
            state.actors[actor].issued += 1
            return state.actors[actor].issued
        }
        switch await self.pause(actor, number, kind, text, cell) {
        case .over: throw ScheduleIsOver()
        case .lost(let isCarriedOut):
            if isCarriedOut { _ = try await body() }
            throw self.loss(actor, number, text, cell, isCarriedOut ? "carried out, answer lost" : "not carried out")
        case .go: break
        }
        let (answer, shown): (Answer, String)
        do {
            (answer, shown) = try await body()
        } catch {
            throw self.loss(actor, number, text, cell, "fails")
        }
        self.note("\(self.label(actor, text, cell))\(shown.isEmpty ? "" : ": \(shown)")", cell)
        if self.answersLater(kind, actor) {
            switch await self.pause(actor, number, kind, text, cell, answer: shown) {
            case .over: throw ScheduleIsOver()
            case .lost: throw self.loss(actor, number, text, cell, "answer lost")
            case .go: self.note("\(self.label(actor, text, cell)): the answer arrives", nil)
            }
        }
        self.remember(actor, number, shown)
        return answer
    }

    /// In a process with several actors the answer waits for its turn, too, as does that of the database when claims and
    /// closings are renewed meanwhile; elsewhere nobody could tell.
    private func answersLater(_ kind: Step.Kind, _ actor: Int) -> Bool {
        switch kind {
        case .begin: false
        case .load, .write: self.scenario.faults.renewals > 0 || self.scenario.isShared(self.process(actor))
        default: self.scenario.isShared(self.process(actor))
        }
    }

    private func pause(
        _ actor: Int,
        _ number: Int,
        _ kind: Step.Kind,
        _ text: String,
        _ cell: CellAddress?,
        answer: String? = nil
    ) async -> Step.Outcome {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                guard !state.isOver else { return true }
                let isClaimed = kind == .load && state.actors[actor].claim != nil
                state.pending.append(
                    Step(
                        actor: actor,
                        number: number,
                        kind: kind,
                        text: text,
                        cell: self.number(cell),
                        isClaimed: isClaimed,
                        answer: answer,
                        continuation: continuation
                    )
                )
                if kind == .load, answer == nil { self.checkLoads(&state) }
                return false
            }
            if isOver { continuation.resume(returning: .over) }
        }
    }

    private func loss(_ actor: Int, _ number: Int, _ text: String, _ cell: CellAddress?, _ how: String) -> any Error {
        self.note("\(self.label(actor, text, cell)): \(how)", cell)
        self.remember(actor, number, how)
        let isCancelled = self.state.withLock { $0.actors[actor].isCancelled }
        return isCancelled ? CancellationError() : StoreIsAway()
    }

    /// Adds what an actor has seen to its process's history.
    private func remember(_ actor: Int, _ number: Int, _ answer: String) {
        let process = self.process(actor)
        self.state.withLock { state in
            var hasher = Hasher()
            hasher.combine(state.histories[process])
            hasher.combine(actor)
            hasher.combine(number)
            hasher.combine(answer)
            state.histories[process] = hasher.finalize()
        }
    }

    private func label(_ actor: Int, _ text: String, _ cell: CellAddress?) -> String {
        let place = self.number(cell).map { " k\($0)" } ?? ""
        return "\(self.scenario.actors[actor].name) \(text)\(place)"
    }

    /// Adds a line to the trace, if there is one.
    func note(_ line: @autoclosure () -> String, _ cell: CellAddress?) {
        guard self.state.withLock({ $0.trace != nil }) else { return }
        let place = cell.map { "    [k\(self.number($0) ?? -1): \(self.describe($0))]" } ?? ""
        let text = line() + place
        self.state.withLock { $0.trace?.append(text) }
    }
}

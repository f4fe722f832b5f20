import NIOCore
import Oxbow
import Synchronization

/// Names for what the cells hold, and a number that tells two states of the world apart.
extension World {
    /// Names a token by the step that made it.
    func name(_ token: Token) {
        let actor = Self.actor
        let number = self.state.withLock { $0.actors[actor].issued }
        let name = "\(self.scenario.actors[actor].name)#\(number)"
        self.names.withLock { names in
            let bytes = Self.bytes(of: token)
            if names[bytes] == nil { names[bytes] = name }
        }
    }

    private static func bytes(of token: Token) -> ByteBuffer {
        CellContent.encodedClosed([(token, 0)], isDirty: false).getSlice(at: 5, length: 16) ?? ByteBuffer()
    }

    private func name(at index: Int, of bytes: ByteBuffer) -> String {
        let token = bytes.getSlice(at: index, length: 16)
        return self.names.withLock { names in token.flatMap { names[$0] } ?? "?" }
    }

    /// An answer, for people and for histories.
    func describe(_ content: CellContent) -> String {
        switch content {
        case .absent: "absent"
        case .claim(let token): "claim \(self.name(at: 0, of: Self.bytes(of: token)))"
        case .closed: "closed"
        case .pass: "pass"
        case .value(let envelope, _): "value \(String(buffer: envelope.payload))"
        case .unusable: "unusable"
        }
    }

    /// What a cell holds, with the names of all tokens in it and their ends in half lives.
    func describe(_ cell: CellAddress) -> String {
        guard let bytes = self.memory.bytes(in: cell) else { return "absent" }
        let content = CellContent(bytes)
        switch content {
        case .absent, .unusable, .value, .pass: return self.describe(content)
        case .claim:
            let end = self.state.withLock { state in self.number(cell).flatMap { state.claimEnds[$0] } ?? 0 }
            return "\(self.describe(content)) until \(end)"
        case .closed:
            let dirty = bytes.getString(at: 4, length: 1) == "1" ? " dirty" : ""
            let writers = stride(from: 5, to: bytes.writerIndex, by: 24)
                .map { index in
                    let half = Int(Self.claimLife.components.seconds) * 500 + 1
                    let end = bytes.getInteger(at: index + 16, as: UInt64.self).map { Int($0) / half } ?? 0
                    return " \(self.name(at: index, of: bytes)) until \(end)"
                }
            return "closed\(dirty)\(writers.joined())"
        }
    }

    /// Equal for two worlds that will do the same after the same choices: what a process does next depends on what it has
    /// seen so far and on the store only.
    var fingerprint: Int {
        let cells = self.cells.map(self.describe)
        return self.state.withLock { state in
            var hasher = Hasher()
            hasher.combine(cells)
            hasher.combine(state.versions)
            hasher.combine(state.required)
            if self.scenario.promisesOneLoad { hasher.combine(state.loads) }
            hasher.combine(state.left)
            hasher.combine(state.halfLives)
            hasher.combine(state.crashed)
            for step in state.pending.sorted(by: { ($0.actor, $0.number) < ($1.actor, $1.number) })
            where !state.crashed.contains(self.process(step.actor)) {
                hasher.combine(step.actor)
                hasher.combine(step.number)
                hasher.combine(step.answer)
            }
            for (number, actor) in state.actors.enumerated() {
                hasher.combine(actor.isFinished)
                hasher.combine(actor.isCancelled)
                for (cell, closing) in actor.closings.sorted(by: { $0.key < $1.key }) {
                    hasher.combine(cell)
                    hasher.combine(closing.end)
                    hasher.combine(closing.isCovered)
                    hasher.combine(closing.version)
                }
                let process = self.process(number)
                // Nothing comes any more from who has crashed or is done.
                let isGone = state.actors.indices.allSatisfy {
                    self.process($0) != process || state.actors[$0].isFinished
                }
                if !isGone, !state.crashed.contains(process) { hasher.combine(state.histories[process]) }
            }
            return hasher.finalize()
        }
    }
}

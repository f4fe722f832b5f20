import NIOCore
import RESP

extension KeyWatches {
    /// Takes in a push: `invalidate` with the keys that have changed, or with nothing when all are gone.
    ///
    /// Pushes of other kinds, and what makes no sense, are passed over.
    func receive(push: ByteBuffer) {
        var reader = RESPReader(push)
        guard (try? reader.readAggregate()) != nil, (try? reader.readString()) == "invalidate",
            let keys = try? RESPValue(from: &reader)
        else { return }
        switch keys {
        case .null: self.noteAll()
        case .array(let keys): for case .string(let key) in keys { self.note(key) }
        default: break
        }
    }
}

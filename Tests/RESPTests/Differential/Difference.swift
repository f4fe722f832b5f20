import RESP

/// Where two readings of the same bytes part for the first time.
struct Difference: CustomStringConvertible {
    /// What one reader makes of the next reply.
    enum Step: Equatable {
        case reply(Form)
        case end(Reading.End)
    }

    let ours: Step
    let theirs: Step
    /// The elements from the start of the reply on: those of our reply, of all that is left if we have none.
    let elements: [Element]
    let bytes: [UInt8]

    /// The message of the reader that refuses the reply.
    var ourRefusal: String? { if case .end(.refused(let text)) = self.ours { text } else { nil } }
    var theirRefusal: String? { if case .end(.refused(let text)) = self.theirs { text } else { nil } }

    /// Whether there is an attribute, which we skip.
    var hasAttribute: Bool { self.elements.contains { $0.type == .attribute } }

    var description: String {
        "\(String(decoding: self.bytes, as: UTF8.self).debugDescription): ours \(self.ours), hiredis \(self.theirs)"
    }

    /// Compares reply by reply, up to one after which the two readers cannot be compared any further.
    static func all(in bytes: [UInt8], _ ours: Reading, _ theirs: Reading) -> [Difference] {
        var found: [Difference] = []
        for index in 0...max(ours.replies.count, theirs.replies.count) {
            let start = ours.starts[min(index, ours.starts.count - 1)]
            let end = index + 1 < ours.starts.count ? ours.starts[index + 1] : bytes.count
            let part = bytes[start..<end]
            let difference = Difference(
                ours: Self.step(index, of: ours),
                theirs: Self.step(index, of: theirs),
                elements: Element.all(in: part),
                bytes: Array(part)
            )
            if difference.isReal { found.append(difference) }
            // Behind an attribute the readers are at different places, and one of them may have ended.
            guard case (.reply, .reply) = (difference.ours, difference.theirs), !difference.hasAttribute else { break }
        }
        return found
    }

    /// Whether the readers do not agree; both may refuse, each in its words.
    private var isReal: Bool {
        self.ours != self.theirs && (self.ourRefusal == nil || self.theirRefusal == nil)
    }

    private static func step(_ index: Int, of reading: Reading) -> Step {
        index < reading.replies.count ? .reply(reading.replies[index]) : .end(reading.end)
    }
}

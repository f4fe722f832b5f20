/// What is said between a stampede's run and its workers, a line each.
enum StampedeMessage: WorkerMessage, Equatable {
    /// To a worker: all callers are to ask for a key at a moment of the shared clock; a load takes so long, and may
    /// then fail.
    case ask(key: String, at: UInt64, loadMillis: Int, fails: Bool = false)
    /// To a worker: all tasks are to wait for `wake`.
    case park
    /// To a worker: all that wait are to go on; the moment is the one at which this was sent.
    case wake(at: UInt64)
    /// To a worker: there is nothing more to do.
    case end
    /// From a worker: it runs, or its tasks wait.
    case ready
    /// From a worker: a load of a key has begun.
    case loads(key: String)
    /// From a worker: all callers have their value or error; for each from when to when it waited.
    ///
    /// With the number of commands that the store did not answer in time.
    case done([Wait], unanswered: Int)

    /// From when to when somebody waited, by the shared clock.
    struct Wait: Sendable, Equatable {
        var from: UInt64
        var to: UInt64
    }

    var isReady: Bool { self == .ready }

    var line: String {
        switch self {
        case .ask(let key, let at, let loadMillis, let fails): "ask \(key) \(at) \(loadMillis) \(fails ? 1 : 0)"
        case .park: "park"
        case .wake(let at): "wake \(at)"
        case .end: "end"
        case .ready: "ready"
        case .loads(let key): "loads \(key)"
        case .done(let waits, let unanswered): "done \(unanswered)" + waits.map { " \($0.from) \($0.to)" }.joined()
        }
    }

    init?(line: String) {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { UInt64($0) }
        switch (words.first, words.count) {
        case ("ask", 5) where numbers.count >= 3:
            self = .ask(
                key: String(words[1]),
                at: numbers[numbers.count - 3],
                loadMillis: Int(numbers[numbers.count - 2]),
                fails: numbers[numbers.count - 1] == 1
            )
        case ("park", 1): self = .park
        case ("wake", 2) where numbers.count == 1: self = .wake(at: numbers[0])
        case ("end", 1): self = .end
        case ("ready", 1): self = .ready
        case ("loads", 2): self = .loads(key: String(words[1]))
        case ("done", let count) where numbers.count == count - 1 && count > 0 && count.isMultiple(of: 2):
            let waits = stride(from: 1, to: numbers.count, by: 2)
                .map { Wait(from: numbers[$0], to: numbers[$0 + 1]) }
            self = .done(waits, unanswered: Int(clamping: numbers[0]))
        default: return nil
        }
    }
}

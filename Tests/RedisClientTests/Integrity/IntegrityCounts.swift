import RedisClient

/// What became of the commands of a run.
struct IntegrityCounts: Sendable {
    /// Commands handed to the client; each of a pipeline counts.
    var commands = 0
    /// Replies that were the caller's own.
    var replies = 0
    var cancelled = 0
    var timedOut = 0
    /// Commands whose connection was lost before the reply.
    var lostConnections = 0
    /// Commands that were never sent: no connection or no room within their time.
    var notSent = 0

    /// Replies that were somebody else's, or nobody's: another key's value, another type, an error out of the blue.
    var crossed = 0
    /// Callers that had neither a reply nor an error when their deadline was long over.
    var lost = 0
    /// Commands the server carried out more often than they were sent, and acknowledgements without a command.
    var duplicated = 0
    /// The first few of the wrong ones.
    var examples: [String] = []

    var isRight: Bool { self.crossed == 0 && self.lost == 0 && self.duplicated == 0 }

    mutating func add(_ other: IntegrityCounts) {
        self.commands += other.commands
        self.replies += other.replies
        self.cancelled += other.cancelled
        self.timedOut += other.timedOut
        self.lostConnections += other.lostConnections
        self.notSent += other.notSent
        self.crossed += other.crossed
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.examples += other.examples.prefix(max(0, 5 - self.examples.count))
    }

    mutating func add(crossed example: String) {
        self.crossed += 1
        if self.examples.count < 5 { self.examples.append(example) }
    }

    /// Counts commands that ended with an error.
    mutating func add(_ error: any Error, commands: Int) {
        guard let error = error as? RedisError else {
            if error is CancellationError {
                self.cancelled += commands
            } else {
                self.add(crossed: "\(error)")
            }
            return
        }
        switch error.code {
        case .timeout: self.timedOut += commands
        case .connectionClosed: self.lostConnections += commands
        case .cannotConnect, .queueFull: self.notSent += commands
        // Every command is right, and no fault of a network breaks the protocol.
        default: self.add(crossed: "\(error)")
        }
    }

    func table(seed: UInt64, seconds: Double, connections: UInt64) -> String {
        let rows: [(String, String)] = [
            ("commands", "\(self.commands)"), ("own replies", "\(self.replies)"), ("cancelled", "\(self.cancelled)"),
            ("timed out", "\(self.timedOut)"), ("connection lost", "\(self.lostConnections)"),
            ("never sent", "\(self.notSent)"), ("connections", "\(connections)"), ("CROSSED", "\(self.crossed)"),
            ("LOST", "\(self.lost)"), ("DUPLICATED", "\(self.duplicated)"), ("seed", "\(seed)"),
            ("seconds", "\((seconds * 10).rounded() / 10)"),
        ]
        return
            rows.map { name, value in
                "  \(name)" + String(repeating: " ", count: max(1, 36 - name.count - value.count)) + value
            }
            .joined(separator: "\n")
    }
}

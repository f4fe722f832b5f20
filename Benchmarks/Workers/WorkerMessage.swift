import Foundation

/// What is said between a run and its worker processes: a line each.
protocol WorkerMessage: Sendable {
    init?(line: String)
    var line: String { get }
    /// Whether it is the one by which a worker says that it runs.
    var isReady: Bool { get }
}

/// As JSON, where nothing depends on how long that takes.
extension WorkerMessage where Self: Codable {
    init?(line: String) {
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
        self = message
    }

    var line: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
}

extension WorkerProcess {
    /// In the new process: what the one that has started it says, until it says nothing more.
    static func orders<Message: WorkerMessage>(of type: Message.Type) -> AsyncStream<Message> {
        let (orders, arrival) = AsyncStream.makeStream(of: Message.self)
        Thread.detachNewThread {
            while let line = readLine(), let order = Message(line: line) { arrival.yield(order) }
            arrival.finish()
        }
        return orders
    }
}

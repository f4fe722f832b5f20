public import Logging
import Synchronization

/// Remembers what is logged, metadata included.
public final class LogRecorder: Sendable {
    private let lines = Mutex<[(Logger.Level, String)]>([])

    /// A recorder that has heard nothing yet.
    public init() {}

    /// Writes into this recorder, at every level.
    public var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(recorder: self) })
        logger.logLevel = .trace
        return logger
    }

    /// The messages of this level and above.
    public func messages(at level: Logger.Level) -> [String] {
        self.lines.withLock { lines in lines.filter { $0.0 >= level }.map(\.1) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.recorder.lines.withLock { $0.append((event.level, "\(event.message) \(event.metadata ?? [:])")) }
        }
    }
}

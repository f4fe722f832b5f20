import Logging
import RedisClient
import Synchronization

/// Says once what every caller would otherwise have to be told.
final class StoreMonitor: Sendable {
    private let logger: Logger
    private let hasWarned = Atomic<Bool>(false)

    init(logger: Logger) { self.logger = logger }

    /// Notes that a cache went on without its store.
    func note(_ error: any Error) {
        guard let error = error as? RedisError else { return }
        if error.code == .notRunning || error.code == .shutDown,
            !self.hasWarned.exchange(true, ordering: .relaxed)
        {
            self.logger.warning("caches load without storing: run() of this Oxbow is not running")
        }
        self.logger.debug("cache goes on without its store", metadata: ["error": "\(error)"])
    }
}

import CoreMetrics
import Logging
import RedisClient
import Synchronization

/// Logs what caches go on without, once for each cause and hour, so that callers do not each log their own; and counts it.
///
/// A cache whose every fill is refused looks healthy and works as a slow way to the database: an operator must learn of it.
final class StoreMonitor: Sendable {
    /// Why values are not stored, or not read.
    enum Cause: String, CaseIterable, Sendable {
        case notRunning, unreachable, timeout
        /// The server refuses: by rights, by memory, by its state.
        case noPermission, outOfMemory, readOnly, busy, refused
        /// The value cannot be stored.
        case valueTooLarge, cannotEncode

        /// Whether an operator must do something.
        fileprivate var warning: Logger.Message? {
            switch self {
            case .notRunning: "caches load without storing: run() of this Oxbow is not running"
            case .noPermission: "caches cannot store: the server's user may not run their scripts or commands"
            case .outOfMemory: "caches cannot store: the server has no memory left"
            case .readOnly, .refused: "caches cannot store: the server refuses to"
            case .valueTooLarge: "values are not stored: they are larger than maximumValueBytes"
            case .cannotEncode: "values are not stored: the codec refuses them"
            case .unreachable, .timeout, .busy: nil
            }
        }
    }

    private let logger: Logger
    private let counters: [Cause: Counter]
    private let logged = Mutex<[Cause: ContinuousClock.Instant]>([:])
    /// Until when scripts count as refused.
    private let refusedUntil = Mutex<ContinuousClock.Instant?>(nil)
    private let isRefused = Atomic<Bool>(false)

    private static let pause = Duration.seconds(3600)
    /// How long nothing is claimed after a refusal, before it is tried once more.
    private static let refusal = Duration.seconds(10)

    /// - Parameters:
    ///   - logger: for the warnings.
    ///   - prefix: the names of metrics begin with it.
    ///   - factory: where the counter `<prefix>_cache_store_failures_total` goes, with the label `cause`.
    init(logger: Logger, prefix: String = "redis", _ factory: any MetricsFactory = MetricsSystem.factory) {
        self.logger = logger
        let counters = Cause.allCases.map { cause in
            let labels = [("cause", cause.rawValue)]
            return (cause, Counter(label: "\(prefix)_cache_store_failures_total", dimensions: labels, factory: factory))
        }
        self.counters = Dictionary(uniqueKeysWithValues: counters)
    }

    /// Notes that a cache went on without its store.
    func note(_ error: any Error) {
        guard let error = error as? RedisError else { return }
        self.note(Self.cause(of: error), error)
        self.logger.debug("cache goes on without its store", metadata: ["error": "\(error)"])
    }

    /// Notes that a value was not stored.
    func note(failedFill error: any Error) {
        if let error = error as? RedisError {
            if error.serverError == "NOPERM" || error.message.hasPrefix("ERR unknown command") { self.refuse() }
            self.note(error)
        } else {
            let isTooLarge = (error as? OxbowError)?.code == .valueTooLarge
            self.note(isTooLarge ? .valueTooLarge : .cannotEncode, error)
        }
    }

    /// Notes that the server's user may not load scripts.
    func noteRefusal() {
        self.note(.noPermission, RedisError(.server, "SCRIPT LOAD was refused", serverError: "NOPERM"))
    }

    private func note(_ cause: Cause, _ error: any Error) {
        self.counters[cause]?.increment()
        guard let warning = cause.warning else { return }
        let now = ContinuousClock.now
        let isDue = self.logged.withLock { logged in
            if let last = logged[cause], last + Self.pause > now { return false }
            logged[cause] = now
            return true
        }
        guard isDue else { return }
        // A codec's error may hold what no log may.
        let isOurs = error is RedisError || error is OxbowError
        self.logger.warning(warning, metadata: ["error": isOurs ? "\(error)" : "\(type(of: error))"])
    }

    private static func cause(of error: RedisError) -> Cause {
        switch error.code {
        case .notRunning, .shutDown: return .notRunning
        case .timeout: return .timeout
        case .server: break
        default: return .unreachable
        }
        return switch error.serverError {
        case "NOPERM", "NOAUTH", "WRONGPASS": .noPermission
        case "OOM": .outOfMemory
        case "READONLY", "MISCONF", "NOREPLICAS": .readOnly
        case "LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN": .busy
        default: .refused
        }
    }

    // MARK: Refused scripts

    /// Whether what is claimed could not be filled: then claims would only make readers wait.
    var refusesFills: Bool {
        guard self.isRefused.load(ordering: .relaxed) else { return false }
        let isOver = self.refusedUntil.withLock { until in until.map { $0 <= .now } ?? true }
        if isOver { self.isRefused.store(false, ordering: .relaxed) }
        return !isOver
    }

    private func refuse() {
        self.refusedUntil.withLock { $0 = .now + Self.refusal }
        self.isRefused.store(true, ordering: .relaxed)
    }
}

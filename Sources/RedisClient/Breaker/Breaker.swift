import CoreMetrics
import Logging
import NIOCore
import Resilience
import Synchronization

/// The circuit breaker of a client: asked before each execution, and told what became of it.
final class Breaker: Sendable {
    private struct State {
        /// `nil` while there is none.
        var configuration: CircuitBreakerConfiguration?
        var breaker = CircuitBreaker()
        var lastFailure: RedisError?
        /// Since when the server has been too slow for impatient callers, or has refused everything, without a success.
        var troubleSince: ContinuousClock.Instant?
        /// Those of the configuration's prefix.
        var metrics: BreakerMetrics?
    }

    private let state = Mutex(State())
    private let isEnabled = Atomic<Bool>(false)
    /// Whether a success would change nothing: all that it looks at in good times.
    private let isUntroubled = Atomic<Bool>(true)
    private let host: String
    private let poolName: String
    private let factory: any MetricsFactory
    private let logger: Logger

    init(_ client: RedisClientConfiguration, _ metrics: any MetricsFactory, _ logger: Logger) {
        self.host = client.addresses.first.map { "\($0)" } ?? ""
        self.poolName = client.poolName
        self.factory = metrics
        self.logger = logger
        self.reconfigure(client.breaker)
    }

    /// Whether it is to be asked.
    var isOn: Bool { self.isEnabled.load(ordering: .relaxed) }

    var configuration: CircuitBreakerConfiguration? { self.state.withLock { $0.configuration } }

    /// What it does at this moment; `nil` if it is off.
    var current: CircuitBreaker.State? {
        self.state.withLock { $0.configuration == nil ? nil : $0.breaker.state(at: .now) }
    }

    /// Turns it on, with other settings than before, or off; it begins closed.
    func reconfigure(_ configuration: CircuitBreakerConfiguration?) {
        self.state.withLock { state in
            let before = state.metrics
            if let configuration {
                if state.configuration?.metricsPrefix != configuration.metricsPrefix {
                    let metrics = BreakerMetrics(configuration, name: self.poolName, host: self.host, self.factory)
                    state.metrics = metrics
                }
            }
            // Also when it is off: what is on its way counts no more.
            let thresholds = (configuration ?? CircuitBreakerConfiguration()).thresholds
            state.breaker = state.breaker.reset(with: thresholds)
            state.configuration = configuration
            state.lastFailure = nil
            state.troubleSince = nil
            before?.record(.closed)
            self.isUntroubled.store(true, ordering: .relaxed)
            self.isEnabled.store(configuration != nil, ordering: .relaxed)
        }
    }

    /// Whether the current task sends past the breakers: to find out about failovers, and to carry out what is owed.
    @TaskLocal static var isPassed = false

    /// Asks to execute something.
    ///
    /// - Throws: ``RedisError`` with `circuitOpen`.
    func acquire() throws -> CircuitBreaker.Permit {
        let now = ContinuousClock.now
        let (permit, failure) = self.change { state in
            let permit = state.breaker.acquire(at: now)
            if permit == nil { state.metrics?.denials.increment() }
            return (permit, permit == nil ? state.lastFailure : nil)
        }
        if let permit { return permit }
        let reason = failure.map { ": the last failure was \($0.code)" } ?? ""
        throw RedisError(.circuitOpen, "the circuit breaker of \(self.host) is open\(reason)", cause: failure)
    }

    /// Takes a success.
    func succeed(_ permit: CircuitBreaker.Permit) {
        if self.isUntroubled.load(ordering: .relaxed) { return }
        self.record(.success, of: permit, nil)
    }

    /// Takes a permit back that was not used.
    func release(_ permit: CircuitBreaker.Permit) {
        if self.isUntroubled.load(ordering: .relaxed) { return }
        self.record(.unknown, of: permit, nil)
    }

    /// Takes an error, and finds out what it says of the server.
    ///
    /// A caller that waits for less than the client's own timeout is impatient: the server may be slow for a moment. Its
    /// timeout is a failure only when such trouble lasts.
    ///
    /// - Parameters:
    ///   - permit: the execution's.
    ///   - error: what was thrown.
    ///   - timeout: what the caller had given it, if that was not the default.
    ///   - patience: the client's own timeout.
    func fail(
        _ permit: CircuitBreaker.Permit,
        with error: any Error,
        within timeout: Duration?,
        patience: Duration
    ) {
        let failure = error as? RedisError
        let isImpatient = timeout.map { $0 < Self.leastPatience } ?? false
        let countsTimeouts = failure?.code == .timeout && self.configuration?.countsTimeouts ?? false
        if countsTimeouts, !isImpatient, let timeout, timeout < patience {
            return self.noteTrouble(permit, failure)
        }
        let outcome: CircuitBreaker.Outcome =
            switch failure?.code {
            case .connectionClosed?: .failure
            case .cannotConnect?: isImpatient ? .unknown : .failure
            case .timeout?: isImpatient || !countsTimeouts ? .unknown : .failure
            case .server?, .unexpectedReply?, .transactionAborted?: .success
            default: .unknown
            }
        self.record(outcome, of: permit, failure)
    }

    /// Who waits for less learns nothing of the server.
    private static let leastPatience = Duration.milliseconds(50)

    /// Takes a sign of trouble that may be over in a moment: it is a failure once it has lasted for a second.
    func noteTrouble(_ permit: CircuitBreaker.Permit, _ failure: RedisError?) {
        let now = ContinuousClock.now
        self.change { state in
            let since = state.troubleSince ?? now
            state.troubleSince = since
            let lasts = since.duration(to: now) >= Self.lasting
            if lasts { state.lastFailure = failure }
            state.breaker.record(lasts ? .failure : .unknown, of: permit, at: now)
        }
    }

    private static let lasting = Duration.seconds(1)

    private func record(_ outcome: CircuitBreaker.Outcome, of permit: CircuitBreaker.Permit, _ failure: RedisError?) {
        let now = ContinuousClock.now
        self.change { state in
            if outcome == .failure { state.lastFailure = failure }
            if outcome == .success { state.troubleSince = nil }
            state.breaker.record(outcome, of: permit, at: now)
        }
    }

    /// Tells of a change of state, in the order of the changes.
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        self.state.withLock { state in
            let before = state.breaker.state
            defer {
                let isUntroubled = state.breaker.isUntroubled && state.troubleSince == nil
                self.isUntroubled.store(isUntroubled, ordering: .relaxed)
                if state.breaker.state != before { self.tell(state) }
            }
            return body(&state)
        }
    }

    private func tell(_ state: State) {
        state.metrics?.record(state.breaker.state)
        var metadata: Logger.Metadata = ["host": "\(self.host)"]
        switch state.breaker.state {
        case .open:
            state.metrics?.opens.increment()
            metadata["error"] = "\(state.lastFailure.map { "\($0)" } ?? "")"
            metadata["seconds"] = "\((state.configuration?.delay ?? .zero) / .seconds(1))"
            self.logger.warning("circuit breaker open: no calls to the server for a while", metadata: metadata)
        case .halfOpen: self.logger.info("circuit breaker half-open: a few calls try the server", metadata: metadata)
        case .closed: self.logger.notice("circuit breaker closed: the server answers", metadata: metadata)
        }
    }
}

extension RedisClient {
    /// Sends as one execution, if the breaker lets it.
    ///
    /// - Throws: ``RedisError`` with `circuitOpen`; what ``send(_:encode:)`` throws.
    func send(
        _ request: RedisRequest,
        under breaker: Breaker,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        if Breaker.isPassed { return try await self.sendPermitted(request, encode: encode) }
        let permit = try breaker.acquire()
        if case .blocking = request.connectionUse {
            // It may block for as long as it likes, and takes none of the few places.
            breaker.release(permit)
            return try await self.sendPermitted(request, encode: encode)
        }
        do {
            let replies = try await self.sendPermitted(request, encode: encode)
            // Some of the replies may have come before the connection was lost.
            if let failure = replies.failure {
                breaker.fail(permit, with: failure, within: request.timeout, patience: self.settings.patience)
            } else if replies.refusesForNow {
                let message = "the server can do nothing at the moment"
                breaker.noteTrouble(permit, RedisError(.server, message, delivery: .refused))
            } else {
                breaker.succeed(permit)
            }
            return replies
        } catch {
            breaker.fail(permit, with: error, within: request.timeout, patience: self.settings.patience)
            throw error
        }
    }

    /// Gets a connection as one execution, if the breaker lets it; what is done with it does not count.
    func leaseUnderBreaker<Lease>(within timeout: Duration?, _ body: () async throws -> Lease) async throws -> Lease {
        guard self.breaker.isOn, !Breaker.isPassed else { return try await body() }
        let breaker = self.breaker
        let permit = try breaker.acquire()
        do {
            let lease = try await body()
            // One that was idle says nothing.
            breaker.release(permit)
            return lease
        } catch {
            breaker.fail(permit, with: error, within: timeout, patience: self.settings.patience)
            throw error
        }
    }

    /// Runs `body` past the circuit breakers of all clients.
    package static func pastBreaker<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await Breaker.$isPassed.withValue(true) { try await body() }
    }
}

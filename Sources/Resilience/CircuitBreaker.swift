/// Keeps calls from a service that has just failed again and again: pure, the time is passed in.
///
/// *Closed*, it lets everything pass and looks at the last executions. With too many failures among them it *opens*, and
/// denies everything for a time. Then it is *half-open*: it lets a few pass, and closes or opens again by what becomes of them.
public struct CircuitBreaker: Sendable {
    /// When it opens and closes.
    public struct Configuration: Sendable, Hashable {
        /// So many failures among the last ``failureExecutions`` open it; 5 by default.
        public var failureThreshold = 5
        /// How many executions are looked at; 0, the default, or less than the threshold: as many as the threshold.
        public var failureExecutions = 0
        /// Half-open, so many successes among ``successExecutions`` close it; 2 by default.
        public var successThreshold = 2
        /// How many executions pass while it is half-open; 0, the default, or less than the threshold: as many as the
        /// threshold.
        public var successExecutions = 0
        /// How long it stays open; 60 s by default.
        public var delay: Duration = .seconds(60)

        /// The defaults named at each property.
        public init() {}

        var failureWindow: Int { max(1, self.failureThreshold, self.failureExecutions) }
        var successWindow: Int { max(1, self.successThreshold, self.successExecutions) }
    }

    /// What it does with calls.
    public enum State: Sendable, Hashable {
        /// Lets all pass.
        case closed
        /// Denies all.
        case open
        /// Lets a few pass.
        case halfOpen
    }

    /// What became of an execution.
    public enum Outcome: Sendable, Hashable {
        /// The service answered.
        case success
        /// It did not.
        case failure
        /// Neither: cancelled, or never sent. Counts for nothing.
        case unknown
    }

    /// The right to one execution, to be given back with its outcome.
    public struct Permit: Sendable, Hashable {
        fileprivate let period: UInt64
    }

    private let configuration: Configuration
    /// What it did when it was last asked.
    public private(set) var state = State.closed
    /// Counts the changes of state, so that what was begun before one is not counted behind it.
    private var period: UInt64 = 0
    /// The last outcomes in this period, oldest first from `oldest` on; `true` is a failure.
    private var outcomes: [Bool] = []
    private var oldest = 0
    private var failures = 0
    /// The end of the state that it is in: open, it becomes half-open then; half-open, it begins that anew.
    private var ends: ContinuousClock.Instant?
    /// Half-open: how many executions are on their way.
    private var running = 0

    /// A closed breaker.
    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// One that is closed and has other settings; what was begun before does not count.
    public func reset(with configuration: Configuration) -> CircuitBreaker {
        var breaker = CircuitBreaker(configuration)
        breaker.period = self.period + 1
        return breaker
    }

    /// What it would do if it were asked now: open for long enough, it would let a few pass.
    public func state(at now: ContinuousClock.Instant) -> State {
        if self.state == .open, let ends, now >= ends { .halfOpen } else { self.state }
    }

    /// Whether it is closed and remembers no failure, so that a success would change nothing.
    public var isUntroubled: Bool { self.state == .closed && self.failures == 0 }

    /// Asks to execute something.
    ///
    /// - Returns: `nil` if that is denied.
    public mutating func acquire(at now: ContinuousClock.Instant) -> Permit? {
        switch self.state {
        case .closed: break
        case .open:
            guard let ends, now >= ends else { return nil }
            self.change(to: .halfOpen, at: now)
            self.running += 1
        case .halfOpen:
            if self.running + self.outcomes.count >= self.configuration.successWindow {
                // Those that are on their way may take for ever.
                guard let ends, now >= ends else { return nil }
                self.change(to: .halfOpen, at: now)
            }
            self.running += 1
        }
        return Permit(period: self.period)
    }

    /// Takes an execution's outcome.
    ///
    /// One that began before the last change of state says nothing about the time behind it.
    public mutating func record(_ outcome: Outcome, of permit: Permit, at now: ContinuousClock.Instant) {
        guard permit.period == self.period else { return }
        if self.state == .halfOpen { self.running -= 1 }
        if outcome == .unknown { return }
        let isFailure = outcome == .failure
        switch self.state {
        case .open: break
        case .closed:
            self.add(isFailure)
            if self.failures >= max(1, self.configuration.failureThreshold) { self.change(to: .open, at: now) }
        case .halfOpen:
            self.outcomes.append(isFailure)
            if isFailure { self.failures += 1 }
            let threshold = max(1, self.configuration.successThreshold)
            if self.outcomes.count - self.failures >= threshold {
                self.change(to: .closed, at: now)
            } else if self.failures > self.configuration.successWindow - threshold {
                // The threshold cannot be reached any more.
                self.change(to: .open, at: now)
            }
        }
    }

    private mutating func add(_ isFailure: Bool) {
        if isFailure { self.failures += 1 }
        guard self.outcomes.count == self.configuration.failureWindow else { return self.outcomes.append(isFailure) }
        if self.outcomes[self.oldest] { self.failures -= 1 }
        self.outcomes[self.oldest] = isFailure
        self.oldest = (self.oldest + 1) % self.outcomes.count
    }

    private mutating func change(to state: State, at now: ContinuousClock.Instant) {
        self.state = state
        self.period += 1
        self.outcomes = []
        self.oldest = 0
        self.failures = 0
        self.running = 0
        self.ends = state == .closed ? nil : now.advanced(by: self.configuration.delay)
    }
}

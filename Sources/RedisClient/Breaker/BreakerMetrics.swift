import CoreMetrics
import Resilience

/// The metrics of a breaker: a gauge for each state, 1 for the one it is in, and two counters.
struct BreakerMetrics: Sendable {
    private let states: [(state: CircuitBreaker.State, gauge: Gauge)]
    let opens: Counter
    let denials: Counter

    init(_ configuration: CircuitBreakerConfiguration, name: String, host: String, _ factory: any MetricsFactory) {
        let prefix = configuration.metricsPrefix
        let labels = [("name", name), ("host", host)]
        self.states = [(CircuitBreaker.State.closed, "closed"), (.open, "open"), (.halfOpen, "half_open")]
            .map { state, label in
                let gauge = Gauge(label: "\(prefix)_state", dimensions: labels + [("state", label)], factory: factory)
                return (state, gauge)
            }
        self.opens = Counter(label: "\(prefix)_opens_total", dimensions: labels, factory: factory)
        self.denials = Counter(label: "\(prefix)_denials_total", dimensions: labels, factory: factory)
        self.record(.closed)
    }

    func record(_ state: CircuitBreaker.State) {
        for (known, gauge) in self.states { gauge.record(known == state ? 1 : 0) }
    }
}

import CoreMetrics

/// The journal's gauges, written at every change: `<prefix>_cache_journal_pending`, invalidations that wait to be carried
/// out, and `<prefix>_cache_journal_bypassed`, caches that are read past as a whole.
struct JournalMetrics: Sendable {
    private let pending: Gauge
    private let bypassed: Gauge

    init(prefix: String, _ factory: any MetricsFactory) {
        self.pending = Gauge(label: "\(prefix)_cache_journal_pending", factory: factory)
        self.bypassed = Gauge(label: "\(prefix)_cache_journal_bypassed", factory: factory)
    }

    func record(pending: Int, bypassed: Int) {
        self.pending.record(pending)
        self.bypassed.record(bypassed)
    }
}

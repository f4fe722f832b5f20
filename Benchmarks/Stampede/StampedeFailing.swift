/// Processes that ask for one cold key whose loads fail, and the figures of that.
///
/// A failed load must not make its waiters load one after another.
struct StampedeFailing: Sendable {
    static let processes = 8
    /// In each process.
    static let callers = 1
    static let rounds = 5
    /// After this time a load fails.
    static let load = Duration.milliseconds(200)

    private var loads: [Int] = []
    private var lasts: [Double] = []

    mutating func add(_ round: StampedeRound) {
        self.loads.append(round.loads)
        // From the first call: all are due at one moment.
        guard let first = round.waits.map(\.from).min(), let last = round.waits.map(\.to).max() else { return }
        self.lasts.append(Double(last - first) / 1_000_000_000)
    }

    /// By their names.
    var values: [String: Double] {
        [
            "processes": Double(Self.processes), "callers": Double(Self.callers), "rounds": Double(Self.rounds),
            "loadSeconds": Self.load / .seconds(1),
            "lastCallerSeconds": self.lasts.max() ?? 0,
            "p50LastCallerSeconds": self.lasts.percentile(50),
            "loadsPerColdKey": Double(self.loads.reduce(0, +)) / Double(max(1, self.loads.count)),
        ]
        .mapValues { ($0 * 1_000_000).rounded() / 1_000_000 }
    }

    static let explanation = """
        failing-load: \(Self.processes) processes call one cold key at once, and each load fails after \(Self.load). \
        lastCallerSeconds: from the first call until the last caller has its error, in the worst of \(Self.rounds) \
        rounds; \
        to reach: at most 0.5.
        """
}

import Synchronization

/// How caches behave now: the configuration, whose policies may be replaced while an instance runs.
final class CachePolicies: Sendable {
    private let configuration: Mutex<CacheConfiguration>
    private let changes = Atomic<UInt64>(0)

    init(_ configuration: CacheConfiguration) { self.configuration = Mutex(configuration) }

    /// Counts the changes.
    var generation: UInt64 { self.changes.load(ordering: .acquiring) }
    var current: CacheConfiguration { self.configuration.withLock { $0 } }

    /// Takes the policies of a configuration, and leaves the other settings alone.
    func change(to configuration: CacheConfiguration) {
        self.configuration.withLock { $0.takePolicies(from: configuration) }
        self.changes.wrappingAdd(1, ordering: .releasing)
    }
}

/// How one handle of a cache behaves now: the configuration with the handle's own options.
final class CachePolicy: Sendable {
    private let policies: CachePolicies
    private let options: CacheOptions
    private let known: Mutex<(generation: UInt64, configuration: CacheConfiguration)>

    init(_ policies: CachePolicies, _ options: CacheOptions) {
        self.policies = policies
        self.options = options
        let generation = policies.generation
        self.known = Mutex((generation, policies.current.with(options)))
    }

    var current: CacheConfiguration {
        let generation = self.policies.generation
        return self.known.withLock { known in
            if known.generation != generation { known = (generation, self.policies.current.with(self.options)) }
            return known.configuration
        }
    }
}

extension CacheConfiguration {
    /// Takes over what may change while an instance runs.
    mutating func takePolicies(from other: CacheConfiguration) {
        self.timeToLive = other.timeToLive
        self.absentTimeToLive = other.absentTimeToLive
        self.claimLife = other.claimLife
        self.maximumLoad = other.maximumLoad
        self.waitForLoad = other.waitForLoad
        self.maximumConcurrentLoads = other.maximumConcurrentLoads
        self.softTimeout = other.softTimeout
        self.jitterPercent = other.jitterPercent
        self.earlyRefreshFactor = other.earlyRefreshFactor
        self.staleFor = other.staleFor
    }
}

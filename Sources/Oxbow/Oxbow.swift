package import CoreMetrics
public import Logging
public import NIOCore
import PropertyFiles
public import RedisClient
public import ServiceLifecycle
import Synchronization

/// A cache-aside layer that all app servers share, on Redis or Valkey.
///
///     let environment = ProcessInfo.processInfo.environment
///     let oxbow = try Oxbow(properties: .load(from: "Properties", environment: environment))
///     let users = try oxbow.cache("user", of: User.self)
///     let user = try await users.value(for: "7:42") { try await database.user(7, 42) }
///     try await users.invalidate("7:42")
///
/// Making one does no I/O. ``run()`` keeps the connections: hand the value to a `ServiceGroup`, or use
/// ``withRunning(_:)``. Before that, caches load without storing, and say so once in the log.
public final class Oxbow: Service, Sendable {
    let initial: OxbowConfiguration
    let policies: CachePolicies
    let softTimeout: SoftTimeout
    /// What it was made with and what it was last configured by, if that were properties.
    let properties: Mutex<(initial: PropertySet, last: PropertySet)?>
    /// The client of the main instance, for commands of your own; `nil` when the store is in memory.
    public let client: RedisClient?
    /// The client that caches use: that of ``OxbowConfiguration/cacheRedis`` if there is one, else ``client``.
    public let cacheClient: RedisClient?
    package let store: any CacheStore
    let mapStore: any MapStore
    let permitStore: any PermitStore
    let locks: Locks
    let logger: Logger
    let deflate = Deflate()
    let storeMonitor: StoreMonitor
    let journal: InvalidationJournal
    /// Watches the masters of the caches; `nil` in memory, and where nothing is repeated after a failover.
    private let masterWatch: MasterWatch?
    let background = BackgroundWork()
    /// Whether the background work of an instance in memory has begun.
    private let hasRun = Atomic(false)
    let limits: CacheLimits
    let caches = CacheRegistry()

    /// An instance on a Redis or Valkey server.
    ///
    /// - Parameters:
    ///   - configuration: the settings.
    ///   - eventLoopGroup: where connections live; the process-wide group by default.
    ///   - logger: for background work; never a value, a key or a credential.
    /// - Throws: ``ConfigurationError``.
    public convenience init(
        _ configuration: OxbowConfiguration,
        eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "Oxbow")
    ) throws {
        try self.init(configuration, properties: nil, eventLoopGroup: eventLoopGroup, logger: logger)
    }

    /// An instance that remembers the properties it was configured by.
    init(
        _ configuration: OxbowConfiguration,
        properties: PropertySet?,
        eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger
    ) throws {
        try configuration.cache.validate()
        try configuration.maps.validate()
        try configuration.locks.validate()
        var main = configuration.redis
        main.preloadedScripts += RedisMapStore.scripts + RedisPermitStore.scripts + RedisLockStore.scripts
        // Who waits for a lock is told of its release.
        main.tracksKeys = true
        let cacheClient: RedisClient
        if var separate = configuration.cacheRedis {
            if separate.metricsPrefix == main.metricsPrefix, separate.poolName == main.poolName {
                separate.nameForCaches()
            }
            separate.serveCaches()
            // Fields with lives of their own are not for caches alone.
            main.requiredCommands += RedisStore.requiredCommands
            self.client = RedisClient(main, eventLoopGroup: eventLoopGroup, logger: logger)
            cacheClient = RedisClient(separate, eventLoopGroup: eventLoopGroup, logger: logger)
        } else {
            main.serveCaches()
            cacheClient = RedisClient(main, eventLoopGroup: eventLoopGroup, logger: logger)
            self.client = cacheClient
        }
        self.initial = configuration
        self.policies = CachePolicies(configuration.cache)
        self.softTimeout = SoftTimeout(configuration.cache.softTimeout)
        self.properties = Mutex(properties.map { ($0, $0) })
        self.cacheClient = cacheClient
        self.mapStore = RedisMapStore(client: self.client ?? cacheClient)
        self.permitStore = RedisPermitStore(client: self.client ?? cacheClient)
        let lockStore = RedisLockStore(client: self.client ?? cacheClient)
        self.locks = Locks(store: lockStore, prefix: configuration.locks.keyPrefix, logger: logger)
        self.store = RedisStore(
            client: cacheClient,
            softTimeout: self.softTimeout,
            maximumValueBytes: configuration.cache.maximumValueBytes,
            holdsGroupsOff: configuration.cache.holdOff != nil
        )
        let places = InvalidationJournal.Places(
            slot: { [cacheClient] in cacheClient.slot(of: $0) },
            master: { [cacheClient] in cacheClient.master(ofSlot: $0) }
        )
        self.journal = InvalidationJournal(configuration, places: places)
        if configuration.cache.journalReplay > .zero {
            self.masterWatch = MasterWatch(
                store: MasterStore(client: cacheClient, prefix: configuration.cache.keyPrefix),
                journal: self.journal,
                memory: configuration.cache.journalReplay,
                claimLife: configuration.cache.claimLife,
                logger: logger
            )
        } else {
            self.masterWatch = nil
        }
        self.limits = CacheLimits(cacheClient.configuration, MetricsSystem.factory)
        self.logger = logger
        self.storeMonitor = StoreMonitor(logger: logger, prefix: cacheClient.configuration.metricsPrefix)
    }

    /// An instance whose store is this process's memory: for development and unit tests without a server.
    ///
    /// The rules are the same, but nothing is shared with other processes. Holds at most 100 000 entries. As with a server,
    /// values are loaded again in the background while ``run()`` or ``withRunning(_:)`` runs; without it, by the caller that
    /// finds an old one.
    ///
    /// A test that needs values to expire turns the clock (`ManualClock` of `OxbowTesting`):
    ///
    /// ```swift
    /// let clock = ManualClock()
    /// let oxbow = try Oxbow(inMemory: CacheConfiguration(), now: { clock.now })
    /// clock.advance(by: .seconds(3600))
    /// ```
    ///
    /// - Parameters:
    ///   - cache: how caches behave.
    ///   - now: the clock that ends the TTLs of cache and map entries, makes values old, and refills rate limits; the system's
    ///     by default. Timeouts, waiting and locks follow the system's clock in any case.
    ///   - logger: for background work.
    /// - Throws: ``ConfigurationError``.
    public convenience init(
        inMemory cache: CacheConfiguration,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        logger: Logger = Logger(label: "Oxbow")
    ) throws {
        try cache.validate()
        self.init(cache, store: MemoryStore(now: now), now: now, logger: logger)
    }

    package init(
        _ cache: CacheConfiguration,
        store: any CacheStore,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        logger: Logger = Logger(label: "Oxbow"),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        var configuration = OxbowConfiguration()
        configuration.cache = cache
        self.initial = configuration
        self.policies = CachePolicies(cache)
        self.softTimeout = SoftTimeout(cache.softTimeout)
        self.properties = Mutex(nil)
        self.client = nil
        self.cacheClient = nil
        self.mapStore = MemoryMapStore(now: now)
        self.permitStore = MemoryPermitStore(now: now)
        self.locks = Locks(store: MemoryLockStore(), prefix: configuration.locks.keyPrefix, logger: logger)
        self.store = store
        self.journal = InvalidationJournal(configuration)
        self.masterWatch = nil
        self.limits = CacheLimits(configuration.redis, metrics)
        self.logger = logger
        self.storeMonitor = StoreMonitor(logger: logger)
    }

    /// The settings as they are now: those it was made with, but for what ``reload(_:)-(PropertySet)`` has changed.
    public var configuration: OxbowConfiguration {
        var configuration = self.initial
        configuration.cache = self.policies.current
        if let client { configuration.redis = client.reconfigured(configuration.redis) }
        if let separate = configuration.cacheRedis, let cacheClient {
            configuration.cacheRedis = cacheClient.reconfigured(separate)
        }
        return configuration
    }

    // MARK: Life

    /// Connects and stays connected until shut down.
    ///
    /// See `RedisClient.run()`. With a separate instance for caches both clients run; an error of one ends the other. In memory
    /// it does the background work, once.
    ///
    /// - Throws: `RedisError` with `unsupportedServer` when the first server met does not know HEXPIRE (Redis before
    /// 7.4,
    ///   Valkey before 9), with `alreadyRunning` at a second call.
    public func run() async throws {
        // Before anything begins: a second call must leave the first one's work alone.
        for client in self.clients { try client.checkToRun() }
        for client in self.clients { try client.prepareToRun() }
        try await self.runClients { try await $0.runPrepared() }
    }

    /// The clients, each once.
    private var clients: [RedisClient] {
        guard let client, let cacheClient else { return [] }
        return client === cacheClient ? [client] : [client, cacheClient]
    }

    /// Runs `body` for all clients at once, and the background work beside them; the first error cancels the others.
    private func runClients(_ body: @escaping @Sendable (RedisClient) async throws -> Void) async throws {
        // Clients refuse a second call themselves.
        if self.clients.isEmpty, self.hasRun.exchange(true, ordering: .relaxed) { return try await gracefulShutdown() }
        // Cancelled at the end of this scope.
        async let _: Void = self.background.run()
        async let _: Void = self.locks.background.run()
        async let _: Void = self.journal.run(self.store, holdOff: self.longestHoldOff, self.logger)
        async let _: Void? = self.masterWatch?.run()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in self.clients { group.addTask { try await body(client) } }
            if self.clients.isEmpty { group.addTask { try await gracefulShutdown() } }
            for try await _ in group {}
        }
    }

    /// Runs `body` with ``run()`` beside it, for tools and tests without a service group.
    ///
    /// Can be used once. `body` runs in a child task, which is cancelled when ``run()`` fails.
    ///
    /// - Returns: what `body` returns; the connections are closed then.
    /// - Throws: what ``run()`` throws, else what `body` throws.
    public func withRunning<Result: Sendable>(
        _ body: sending () async throws -> Result
    ) async throws -> Result {
        let clients = self.clients
        // All before any, for a client that was prepared and never runs lets its callers wait.
        for client in clients { try client.checkToRun() }
        for client in clients { try client.prepareToRun() }
        self.background.begin()
        let (ended, end) = AsyncStream.makeStream(of: Never.self)
        async let outcome = Swift.Result(catching: body, thenFinishing: end)
        // An error ends this scope, and cancels `body` with it.
        try await self.runPrepared(until: ended)
        return try await outcome.get()
    }

    /// Runs the clients until the stream ends, or until they are shut down gracefully.
    private func runPrepared(until ended: AsyncStream<Never>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runClients { try await $0.runPrepared() } }
            group.addTask { for await _ in ended {} }
            do {
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            } catch is CancellationError {
                // As asked for two lines above, or together with the caller.
            }
        }
    }

    /// How long the journal keeps closed what it invalidates: as long as any cache wants it.
    private var longestHoldOff: Duration? {
        [self.initial.cache.holdOff, self.caches.longestHoldOff].compactMap(\.self).max()
    }

    /// The invalidations that could not be carried out yet.
    public var invalidationJournal: InvalidationJournalStatistics { self.journal.statistics }

    /// Whether the masters are known and none of them is recovering, so that nothing is read past.
    package var isSettled: Bool { self.masterWatch?.isSettled ?? true }

    // MARK: Request scope

    /// Runs `body`, the serving of one request, with a scope in which repeated reads of a key stay in memory.
    ///
    /// The scope belongs to this task and its child tasks; other requests never see it. It ends with `body`: a task
    /// that outlives it reads the shared cache again. A change made in the scope is seen in it at once; a change made
    /// elsewhere is seen by the next request at the latest. A scope within a scope
    /// is a new one, but its changes count in both. Loaders read past the scope: what they read is stored for
    /// everybody. Caches with `usesRequestScope` off are not remembered.
    public func withRequestScope<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await RequestScope.with(
            maximumEntries: self.initial.cache.requestScopeEntries,
            maximumBytes: self.initial.cache.requestScopeBytes,
            limits: self.limits,
            body
        )
    }
}

extension Swift.Result where Failure == any Error {
    fileprivate init(
        catching body: sending () async throws -> Success,
        thenFinishing end: AsyncStream<Never>.Continuation
    ) async {
        defer { end.finish() }
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

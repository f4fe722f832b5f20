import Logging
import NIOCore
import Oxbow
import RESP
import RedisClient
import Synchronization
import TestServers

/// Every store that must keep the contract.
enum StoreKind: String, CaseIterable, Sendable {
    case memory, redis, valkey, redisWithoutHSETEX

    /// Those on a real server.
    static let servers: [StoreKind] = [.redis, .valkey, .redisWithoutHSETEX]
}

extension CacheStore {
    func invalidate(_ cell: CellAddress) async throws { try await self.invalidate(cell, holdOff: nil, timeout: nil) }

    func open(_ cell: CellAddress, _ token: Token, storing value: Envelope?, for life: Duration) async throws -> Bool {
        try await self.open(cell, token, storing: value, for: life, holdOff: nil)
    }

    func invalidate(group key: CellName) async throws {
        try await self.invalidate(group: key, holdOff: nil, timeout: nil)
    }
}

/// The two forms of a cell.
enum CellForm: String, CaseIterable, Sendable {
    case key, field
}

/// A store with what tests need beside the contract: raw bytes in cells.
struct TestStore: Sendable {
    let store: any CacheStore
    let client: RedisClient?

    /// A cell nobody else uses.
    func freshCell(_ form: CellForm) -> CellAddress {
        let name = CellName(encoded: "ox-cache:contract:1:\(UInt64.random(in: 0 ... .max))")
        return CellAddress(key: name, field: form == .field ? CellName(encoded: "f") : nil)
    }

    /// Puts raw bytes into a cell, for a minute.
    func plant(_ bytes: ByteBuffer, in cell: CellAddress) async throws {
        if let memory = self.store as? MemoryStore { return memory.plant(bytes, in: cell, for: .seconds(60)) }
        guard let client else { return }
        if let field = cell.field {
            _ = try await client.execute(RawCommand("HSET", cell.key, field, bytes, returning: Int.self))
            let set = RawCommand("HPEXPIRE", cell.key, 60_000, "FIELDS", 1, field, returning: [Int].self)
            _ = try await client.execute(set)
        } else {
            _ = try await client.execute(SET(cell.key, bytes, milliseconds: 60_000))
        }
    }

    /// The raw bytes of a cell.
    func bytes(in cell: CellAddress) async throws -> ByteBuffer? {
        if let memory = self.store as? MemoryStore { return memory.bytes(in: cell) }
        guard let client else { return nil }
        if let field = cell.field { return try await client.execute(HGET(cell.key, field, as: ByteBuffer.self)) }
        return try await client.execute(GET(cell.key, as: ByteBuffer.self))
    }
}

/// Runs `body` with a store of each kind, connected where there is something to connect to.
func withStore<Result: Sendable>(
    _ kind: StoreKind,
    _ body: (TestStore) async throws -> Result
) async throws -> Result {
    guard kind != .memory else { return try await body(TestStore(store: MemoryStore(), client: nil)) }
    return try await withStore(redisConfiguration(kind), body)
}

/// Runs `body` with a store on a server.
func withStore<Result: Sendable>(
    _ configuration: RedisClientConfiguration,
    _ body: (TestStore) async throws -> Result
) async throws -> Result {
    var configuration = configuration
    configuration.serveCaches()
    let client = RedisClient(configuration, logger: silent)
    try client.prepareToRun()
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.runPrepared() }
        defer { group.cancelAll() }
        // The server's abilities are known once it has answered.
        _ = try await client.execute(RawCommand("PING", returning: String.self))
        let store = RedisStore(client: client, softTimeout: SoftTimeout(.seconds(5)), maximumValueBytes: 1024 * 1024)
        return try await body(TestStore(store: store, client: client))
    }
}

/// Where the shared server of a kind listens.
func redisConfiguration(_ kind: StoreKind) async throws -> RedisClientConfiguration {
    let name: SharedServers.Name =
        switch kind {
        case .valkey: .valkey
        case .redisWithoutHSETEX: .redisWithoutHSETEX
        case .redis, .memory: .redis
        }
    var configuration = RedisClientConfiguration()
    configuration.address = .host("127.0.0.1", port: try await SharedServers.shared.server(name).port)
    return configuration
}

extension RedisClientConfiguration {
    /// How a cluster of the tests is reached.
    init(_ cluster: TestServers.ClusterTopology) {
        self.init()
        let seeds = cluster.nodes.map { RedisAddress.host("127.0.0.1", port: $0.port) }
        self.topology = .cluster(ClusterConfiguration(seeds))
        self.credentials = RedisCredentials(password: cluster.password)
    }
}

/// Runs `body` with a running instance on the shared server of a kind, or in memory.
func withOxbow<Result: Sendable>(
    _ kind: StoreKind,
    cache: CacheConfiguration = patient(),
    _ body: sending (Oxbow) async throws -> Result
) async throws -> Result {
    guard kind != .memory else {
        let oxbow = Oxbow(cache, store: MemoryStore(), logger: silent)
        return try await oxbow.withRunning { try await body(oxbow) }
    }
    var configuration = OxbowConfiguration()
    configuration.redis = try await redisConfiguration(kind)
    configuration.cache = cache
    return try await withOxbow(configuration, body)
}

/// Runs `body` with a running instance of these settings.
func withOxbow<Result: Sendable>(
    _ configuration: OxbowConfiguration,
    logger: Logger = silent,
    _ body: sending (Oxbow) async throws -> Result
) async throws -> Result {
    let oxbow = try Oxbow(configuration, logger: logger)
    return try await oxbow.withRunning { try await body(oxbow) }
}

/// The defaults, but for a time-out that also a debug build among many other tests keeps.
func patient() -> CacheConfiguration {
    var configuration = CacheConfiguration()
    configuration.softTimeout = .seconds(20)
    return configuration
}

/// A logger that says nothing.
let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A module name that no other test uses.
func freshModule(_ name: String = #function) -> String { "\(name.prefix(20))-\(UInt64.random(in: 0 ... .max))" }

import NIOCore
import Oxbow
import Synchronization

/// A cache of either form, with all keys in one group where there are groups.
struct EitherCache<Value: Codable & Sendable>: Sendable {
    private let plain: Cache<Value>?
    private let grouped: GroupedCache<Value>?
    private let module: String

    init(_ oxbow: Oxbow, _ form: CellForm, _ module: String = freshModule("bulk")) throws {
        self.module = module
        self.plain = try form == .key ? oxbow.cache(module, of: Value.self) : nil
        self.grouped = try form == .field ? oxbow.groupedCache(module, of: Value.self) : nil
    }

    func values(
        for keys: [String],
        timeToLive: Duration? = nil,
        orLoad load: @Sendable @escaping ([String]) async throws -> [String: Value]
    ) async throws -> [String: Value] {
        if let plain { return try await plain.values(for: keys, timeToLive: timeToLive, orLoad: load) }
        return try await self.grouped?.values(for: keys, in: "g", timeToLive: timeToLive, orLoad: load) ?? [:]
    }

    func value(for key: String, orLoad load: @Sendable @escaping () async throws -> Value) async throws -> Value? {
        if let plain { return try await plain.value(for: key, orLoad: load) }
        return try await self.grouped?.value(for: key, in: "g", orLoad: load)
    }

    func value(for key: String) async throws -> Value? {
        if let plain { return try await plain.value(for: key) }
        return try await self.grouped?.value(for: key, in: "g")
    }

    /// What of these is there, read one by one.
    func stored(_ keys: [String]) async throws -> [String: Value] {
        var values: [String: Value] = [:]
        for key in keys { values[key] = try await self.value(for: key) }
        return values
    }

    func remainingTimeToLive(for key: String) async throws -> Duration? {
        if let plain { return try await plain.remainingTimeToLive(for: key) }
        return try await self.grouped?.remainingTimeToLive(for: key, in: "g")
    }

    func update(_ key: String, _ write: () async throws -> Void) async throws {
        try await self.plain?.update(key, write)
        try await self.grouped?.update(key, in: "g", write)
    }

    func invalidate(_ key: String) async throws {
        try await self.plain?.invalidate(key)
        try await self.grouped?.invalidate(key, in: "g")
    }

    @discardableResult
    func invalidate(_ keys: [String]) async throws -> InvalidationOutcome? {
        if let plain { return try await plain.invalidate(keys) }
        return try await self.grouped?.invalidate(keys, in: "g")
    }

    /// Where the entry lives.
    func cell(_ key: String) -> CellAddress {
        guard self.plain == nil else { return CellAddress(key: CellName(encoded: "ox-cache:\(self.module):1:\(key)")) }
        return CellAddress(key: CellName(encoded: "ox-cache:\(self.module):1:g"), field: CellName(encoded: key))
    }

    var statistics: CacheStatistics {
        self.plain?.statistics ?? self.grouped?.statistics ?? Cache<Value>.none
    }
}

extension Cache {
    fileprivate static var none: CacheStatistics { fatalError("a cache of neither form") }
}

/// A database that remembers what it was asked for.
final class Database: Sendable {
    private let calls = Mutex<[[String]]>([])
    /// What comes before each key in its value.
    private let prefix: Mutex<String>

    init(_ prefix: String = "") { self.prefix = Mutex(prefix) }

    /// Each call's keys.
    var asked: [[String]] { self.calls.withLock { $0 } }

    func change(to prefix: String) { self.prefix.withLock { $0 = prefix } }

    /// All but those that begin with "no-".
    func rows(_ keys: [String]) -> [String: String] {
        self.calls.withLock { $0.append(keys) }
        let prefix = self.prefix.withLock { $0 }
        return Dictionary(uniqueKeysWithValues: keys.filter { !$0.hasPrefix("no-") }.map { ($0, prefix + $0) })
    }
}

/// Keys and the values that a ``Database`` without a prefix has for them.
func rows(_ keys: [String]) -> [String: String] { Dictionary(uniqueKeysWithValues: keys.map { ($0, $0) }) }

/// A store inside of the process that does something else before some operations: waits, or throws.
struct HookedStore: CacheStore {
    /// `answer` comes after a read.
    enum Operation: Sendable { case read, answer, claim, fill, invalidate, empty }

    let inner: MemoryStore
    let hook: @Sendable (Operation, CellAddress) async throws -> Void

    init(
        _ inner: MemoryStore = MemoryStore(),
        _ hook: @Sendable @escaping (Operation, CellAddress) async throws -> Void
    ) {
        self.inner = inner
        self.hook = hook
    }

    func read(_ cell: CellAddress) async throws -> CellContent {
        try await self.hook(.read, cell)
        let content = try await self.inner.read(cell)
        try await self.hook(.answer, cell)
        return content
    }
    func wait(_ cell: CellAddress, while token: Token, until end: ContinuousClock.Instant) async throws -> CellContent {
        try await self.inner.wait(cell, while: token, until: end)
    }
    func claim(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> CellContent? {
        try await self.hook(.claim, cell)
        return try await self.inner.claim(cell, token, for: life)
    }
    func claim(
        _ cell: CellAddress,
        _ token: Token,
        for life: Duration,
        replacing bytes: ByteBuffer?
    ) async throws -> Bool { try await self.inner.claim(cell, token, for: life, replacing: bytes) }
    func renew(_ cell: CellAddress, _ token: Token, for life: Duration) async throws -> Bool {
        try await self.inner.renew(cell, token, for: life)
    }
    func fill(_ cell: CellAddress, _ token: Token, with value: Envelope, for life: Duration) async throws -> Bool {
        try await self.hook(.fill, cell)
        return try await self.inner.fill(cell, token, with: value, for: life)
    }
    func release(_ cell: CellAddress, _ token: Token, leavingPassFor life: Duration?) async throws {
        try await self.inner.release(cell, token, leavingPassFor: life)
    }
    func set(_ cell: CellAddress, to value: Envelope, for life: Duration) async throws -> Bool {
        try await self.inner.set(cell, to: value, for: life)
    }
    func close(_ cell: CellAddress, _ token: Token, for life: Duration, isRenewal: Bool) async throws {
        try await self.inner.close(cell, token, for: life, isRenewal: isRenewal)
    }
    func open(
        _ cell: CellAddress,
        _ token: Token,
        storing value: Envelope?,
        for life: Duration,
        holdOff: Duration?
    ) async throws -> Bool { try await self.inner.open(cell, token, storing: value, for: life, holdOff: holdOff) }
    func claimRefresh(
        _ cell: CellAddress,
        _ token: Token,
        of value: Envelope,
        for life: Duration
    ) async throws -> Bool { try await self.inner.claimRefresh(cell, token, of: value, for: life) }
    var time: UInt64 { self.inner.time }
    func invalidate(_ cell: CellAddress, holdOff: Duration?, timeout: Duration?) async throws {
        try await self.hook(.invalidate, cell)
        try await self.inner.invalidate(cell, holdOff: holdOff, timeout: timeout)
    }
    func invalidate(group key: CellName, holdOff: Duration?, timeout: Duration?) async throws {
        try await self.inner.invalidate(group: key, holdOff: holdOff, timeout: timeout)
    }
    func invalidate(namespace prefix: CellName) async throws {
        try await self.hook(.empty, CellAddress(key: prefix))
        try await self.inner.invalidate(namespace: prefix)
    }
    func timeToLive(_ cell: CellAddress) async throws -> Duration? { try await self.inner.timeToLive(cell) }
}

import NIOCore
import RedisClient

/// A map that all app servers share: entries of one type, each with a TTL.
///
///     let states = try oxbow.map("oidcAuthInfos", of: AuthState.self, timeToLive: .seconds(600))
///     try await states.put(state, for: id)
///     let state = try await states.take(id)
///
/// An entry is the string `ox-map:<map>:<key>`. A map is not a cache: a call that cannot be carried out throws, and a missing
/// entry is not loaded. Redis and Valkey replicate asynchronously: a failover may lose the last changes, including
/// acknowledged ones, and restore entries that were removed.
///
/// Each call is one round trip unless its documentation says otherwise.
///
/// **TTLs** are counted in whole milliseconds. A TTL of zero or less throws `invalidArgument`; one below a millisecond counts
/// as a millisecond, one above 2^45 ms (about 1100 years) as 2^45 ms.
///
/// **Timeouts** limit a call from its start to the server's reply, the wait for a connection included. `nil` stands for
/// the client's `commandTimeout` for each round trip. A map in memory ignores them.
///
/// All calls throw ``OxbowError``: `invalidKey` for an empty key; `invalidArgument`; `notRunning` before `run()`; `wrongType`
/// for a key that holds no string; `unavailable` when the server did not answer in time or refused, where
/// ``OxbowError/delivery`` says whether a change may have happened. A cancelled task gets `CancellationError`; a command that
/// was sent may still be carried out.
public struct DistributedMap<Value: Sendable>: Sendable {
    let store: any MapStore
    let coder: ValueCoder<Value>
    /// The first part of all its keys.
    let prefix: String
    /// The TTL of an entry whose caller gives none.
    public let timeToLive: Duration

    package init(store: any MapStore, coder: ValueCoder<Value>, prefix: String, timeToLive: Duration) {
        self.store = store
        self.coder = coder
        self.prefix = prefix
        self.timeToLive = timeToLive
    }

    /// Reads an entry, and sets its TTL if one is given.
    ///
    /// The TTL is set, not added: one shorter than what is left ends the entry earlier.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - timeToLive: the entry's TTL from now on; unchanged by default.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: the entry's value; `nil` if there is none.
    /// - Throws: ``OxbowError``, also `undecodable`: then the TTL is set; `CancellationError`.
    public func value(
        for key: String,
        resettingTimeToLiveTo timeToLive: Duration? = nil,
        timeout: Duration? = nil
    ) async throws -> Value? {
        let (name, life) = (try self.name(key), try timeToLive.map(Self.checked))
        return try await self.decoded { try await self.store.read(name, resettingLifeTo: life, timeout: timeout) }
    }

    /// Reads several entries; keys without an entry are missing from the result.
    ///
    /// Not a snapshot: entries may change between the reads. One round trip for each thousand keys, in a cluster one for each
    /// thousand and master.
    ///
    /// - Parameters:
    ///   - keys: any texts but the empty one.
    ///   - timeout: the limit of the whole call; `commandTimeout` for each round trip by default.
    /// - Returns: the values by key.
    /// - Throws: ``OxbowError``, also `undecodable`, and `invalidKey` for two keys that are equal as text and differ in bytes;
    ///   `CancellationError`.
    public func values(for keys: some Sequence<String>, timeout: Duration? = nil) async throws -> [String: Value] {
        let keys = Array(keys)
        let names = try keys.map { try self.name($0) }
        guard Set(keys).count == Set(names).count else {
            throw OxbowError(.invalidKey, "two keys are equal as text and different in bytes")
        }
        let found = try await Self.calling { try await self.store.read(names, timeout: timeout) }
        var values: [String: Value] = [:]
        for (key, bytes) in zip(keys, found) { values[key] = try bytes.map { try self.decode($0) } }
        return values
    }

    /// Returns whether there is an entry, without reading it.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: whether the key exists, whatever it holds.
    /// - Throws: ``OxbowError``; `CancellationError`.
    public func contains(_ key: String, timeout: Duration? = nil) async throws -> Bool {
        let name = try self.name(key)
        return try await Self.calling { try await self.store.contains(name, timeout: timeout) }
    }

    // MARK: All entries

    /// The keys of the map's entries, each once, in no order; entries that come or go during the loop may be missing.
    ///
    /// By SCAN, on all masters of a cluster, a thousand keys of the database at a time: keys of other data take time as well.
    /// The keys found are kept until the end of the loop.
    public var keys: MapKeys { MapKeys(store: self.store, prefix: self.prefix) }

    /// Counts the entries, by as many round trips as ``keys`` takes.
    ///
    /// - Throws: ``OxbowError``; `CancellationError`.
    public func count() async throws -> Int {
        var count = 0
        for try await _ in self.keys { count += 1 }
        return count
    }

    /// Removes all entries that exist when it begins; others may be added meanwhile.
    ///
    /// - Returns: how many entries it removed.
    /// - Throws: ``OxbowError``, when some entries may be removed and others not; `CancellationError`.
    @discardableResult
    public func removeAll() async throws -> Int {
        var count = 0
        var pages = self.store.pages(prefix: CellName(encoded: self.prefix))
        while let page = try await Self.calling({ try await pages.next() }) {
            count += try await Self.calling { try await self.store.remove(page, timeout: nil) }
        }
        return count
    }
}

extension DistributedMap {
    func name(_ key: String) throws -> CellName {
        guard !key.isEmpty else { throw OxbowError(.invalidKey, "a key is empty") }
        return CellName(encoded: self.prefix + KeyEncoding.encode(key, isLast: true))
    }

    /// The TTL of a new entry.
    func life(_ timeToLive: Duration?) throws -> Duration { try timeToLive.map(Self.checked) ?? self.timeToLive }

    /// A TTL that every store takes: whole milliseconds, at least one, at most 2^45.
    static func checked(_ timeToLive: Duration) throws -> Duration {
        guard timeToLive > .zero else {
            throw OxbowError(.invalidArgument, "timeToLive must be more than zero, not \(timeToLive)")
        }
        return .milliseconds(timeToLive.milliseconds)
    }

    func encode(_ value: Value) throws -> ByteBuffer {
        do {
            return try self.coder.envelope(value).encoded
        } catch let error as OxbowError {
            throw error
        } catch {
            throw OxbowError(.cannotEncode, "the codec threw", cause: error)
        }
    }

    func decode(_ bytes: ByteBuffer) throws -> Value {
        guard let envelope = Envelope(bytes), let value = self.coder.value(envelope) else {
            throw OxbowError(.undecodable, "an entry holds bytes that are no value of this map")
        }
        return value
    }

    func decoded(_ body: () async throws -> ByteBuffer?) async throws -> Value? {
        try await Self.calling(body).map { try self.decode($0) }
    }

    static func calling<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await callingStore {
            do { return try await body() } catch let error as RedisError where error.serverError == "WRONGTYPE" {
                throw OxbowError(
                    .wrongType,
                    "an entry's key holds another type than a string; nothing was stored or removed",
                    cause: error
                )
            }
        }
    }
}

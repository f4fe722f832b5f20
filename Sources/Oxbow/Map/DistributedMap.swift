import NIOCore
import RedisClient

/// A map that all app servers share: entries of one type, each with an end.
///
///     let states = oxbow.map("oidcAuthInfos", of: AuthState.self, timeToLive: .seconds(600))
///     try await states.put(state, for: id)
///     let state = try await states.take(id)
///
/// An entry is the string `ox-map:<map>:<key>`. A map is no cache: what cannot be carried out is thrown, and nobody loads
/// what is missing. Redis and Valkey replicate asynchronously: a failover may lose the last changes, also acknowledged ones,
/// and bring back what was taken out.
///
/// All calls throw ``OxbowError``: `invalidKey` for an empty key, `notRunning` before `run()`, `unavailable` when the server
/// could not be reached in time or refused; ``OxbowError/delivery`` says whether a change may have happened. A cancelled task
/// gets `CancellationError`; what it has sent may be carried out. Each call is one round trip unless it says otherwise.
public struct DistributedMap<Value: Sendable>: Sendable {
    let store: any MapStore
    let coder: ValueCoder<Value>
    /// What all its keys begin with.
    let prefix: String
    /// The life of an entry whose caller fixes none.
    public let timeToLive: Duration

    /// Reads an entry.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - prolonging: the entry's life from now on, for what ends when it is not used; its end stays by default.
    /// - Returns: what stands under the key; `nil` if nothing does.
    /// - Throws: ``OxbowError``, also `undecodable`; `CancellationError`.
    public func value(for key: String, prolonging: Duration? = nil) async throws -> Value? {
        let name = try self.name(key)
        return try await self.decoded { try await self.store.read(name, prolongedBy: prolonging) }
    }

    /// What stands under several keys: those under which nothing does are missing from the result.
    ///
    /// Not at one moment. One round trip for each thousand, in a cluster one for each master.
    ///
    /// - Throws: ``OxbowError``, also `undecodable`; `CancellationError`.
    public func values(for keys: some Sequence<String>) async throws -> [String: Value] {
        let keys = Array(keys)
        let names = try keys.map { try self.name($0) }
        guard Set(keys).count == Set(names).count else {
            throw OxbowError(.invalidKey, "two keys are equal as text and different in bytes")
        }
        let found = try await Self.calling { try await self.store.read(names) }
        var values: [String: Value] = [:]
        for (key, bytes) in zip(keys, found) { values[key] = try bytes.map { try self.decode($0) } }
        return values
    }

    /// Whether something stands under a key.
    ///
    /// - Throws: ``OxbowError``; `CancellationError`.
    public func contains(_ key: String) async throws -> Bool {
        let name = try self.name(key)
        return try await Self.calling { try await self.store.contains(name) }
    }

    // MARK: Changes

    /// Stores a value, whatever is there.
    ///
    /// - Parameters:
    ///   - value: what to store.
    ///   - key: any text but the empty one.
    ///   - timeToLive: its life; the map's by default.
    /// - Returns: what was there before.
    /// - Throws: ``OxbowError``, also `valueTooLarge` and `cannotEncode`: then nothing happened; `undecodable`, if what was
    ///   there before cannot be read: then the value is stored; `CancellationError`.
    @discardableResult
    public func put(_ value: Value, for key: String, timeToLive: Duration? = nil) async throws -> Value? {
        let (name, bytes) = (try self.name(key), try self.encode(value))
        return try await self.decoded { try await self.store.put(name, bytes, for: timeToLive ?? self.timeToLive) }
    }

    /// Stores a value if nothing is there.
    ///
    /// - Parameters:
    ///   - value: what to store.
    ///   - key: any text but the empty one.
    ///   - timeToLive: its life; the map's by default.
    /// - Returns: what is there already; `nil` if the value was stored.
    /// - Throws: as ``put(_:for:timeToLive:)``.
    public func putIfAbsent(_ value: Value, for key: String, timeToLive: Duration? = nil) async throws -> Value? {
        let (name, bytes) = (try self.name(key), try self.encode(value))
        return try await self.decoded {
            try await self.store.putIfAbsent(name, bytes, for: timeToLive ?? self.timeToLive)
        }
    }

    /// Takes an entry out, so that it is read once: of several callers one gets the value.
    ///
    /// - Returns: what was there.
    /// - Throws: ``OxbowError``, also `undecodable`: then the entry is gone; `CancellationError`. After a lost connection
    ///   the entry may be gone, and nobody has it.
    public func take(_ key: String) async throws -> Value? {
        let name = try self.name(key)
        return try await self.decoded { try await self.store.take(name) }
    }

    /// Takes an entry out.
    ///
    /// - Returns: what was there.
    /// - Throws: as ``take(_:)``.
    @discardableResult
    public func remove(_ key: String) async throws -> Value? { try await self.take(key) }

    // MARK: The whole

    /// The keys that are there, each once, in no order; what comes or goes meanwhile may be among them or not.
    ///
    /// By SCAN, on all masters of a cluster, a thousand keys of the database at a time: other data there takes time as well.
    /// The keys that were found are kept until the end of the loop.
    public var keys: MapKeys { MapKeys(store: self.store, prefix: self.prefix) }

    /// How many entries there are: as many steps as ``keys`` takes.
    ///
    /// - Throws: ``OxbowError``; `CancellationError`.
    public func count() async throws -> Int {
        var count = 0
        for try await _ in self.keys { count += 1 }
        return count
    }

    /// Takes all entries out that are there when it begins; others may come meanwhile.
    ///
    /// - Returns: how many it has taken out.
    /// - Throws: ``OxbowError``, when some may be gone and others not; `CancellationError`.
    @discardableResult
    public func removeAll() async throws -> Int {
        var count = 0
        var pages = self.store.pages(prefix: CellName(encoded: self.prefix))
        while let page = try await Self.calling({ try await pages.next() }) {
            count += try await Self.calling { try await self.store.remove(page) }
        }
        return count
    }
}

extension DistributedMap where Value: Equatable {
    /// Stores a value if an equal one to the expected stands there.
    ///
    /// Atomic: what anybody changes meanwhile is compared, too. Two round trips, more while others change the entry.
    ///
    /// - Parameters:
    ///   - expected: what must be there.
    ///   - value: what to store in its place.
    ///   - key: any text but the empty one.
    ///   - timeToLive: its life; the rest of the old value's by default.
    /// - Returns: whether it was stored.
    /// - Throws: as ``put(_:for:timeToLive:)``.
    public func replace(
        _ expected: Value,
        with value: Value,
        for key: String,
        timeToLive: Duration? = nil
    ) async throws -> Bool {
        let (name, new) = (try self.name(key), try self.encode(value))
        // The stored form of equal values may differ: by the codec, or by the settings of compression. What is there is
        // compared as a value, and replaced if it is still the same bytes.
        while true {
            let found = try await Self.calling { try await self.store.read(name, prolongedBy: nil) }
            guard let found, try self.decode(found) == expected else { return false }
            let isReplaced = try await Self.calling {
                try await self.store.replace(name, found, with: new, for: timeToLive)
            }
            if isReplaced { return true }
        }
    }
}

extension DistributedMap {
    private func name(_ key: String) throws -> CellName {
        guard !key.isEmpty else { throw OxbowError(.invalidKey, "a key is empty") }
        return CellName(encoded: self.prefix + KeyEncoding.encode(key, isLast: true))
    }

    private func encode(_ value: Value) throws -> ByteBuffer {
        do {
            return try self.coder.envelope(value).encoded
        } catch let error as OxbowError {
            throw error
        } catch {
            throw OxbowError(.cannotEncode, "the codec threw", cause: error)
        }
    }

    private func decode(_ bytes: ByteBuffer) throws -> Value {
        guard let envelope = Envelope(bytes), let value = self.coder.value(envelope) else {
            throw OxbowError(.undecodable, "an entry holds bytes that are no value of this map")
        }
        return value
    }

    private func decoded(_ body: () async throws -> ByteBuffer?) async throws -> Value? {
        try await Self.calling(body).map { try self.decode($0) }
    }

    private static func calling<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await callingStore {
            do { return try await body() } catch let error as RedisError where error.serverError == "WRONGTYPE" {
                throw OxbowError(.undecodable, "an entry's key holds no string", cause: error)
            }
        }
    }
}

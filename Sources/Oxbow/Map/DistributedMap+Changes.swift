import NIOCore

extension DistributedMap {
    /// Stores a value, whatever the key holds: the old value is neither read nor returned.
    ///
    /// - Parameters:
    ///   - value: the value to store.
    ///   - key: any text but the empty one.
    ///   - timeToLive: the entry's TTL; the map's by default.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Throws: ``OxbowError``, also `valueTooLarge` and `cannotEncode`: then nothing happened; `CancellationError`.
    public func put(
        _ value: Value,
        for key: String,
        timeToLive: Duration? = nil,
        timeout: Duration? = nil
    ) async throws {
        let (name, bytes, life) = (try self.name(key), try self.encode(value), try self.life(timeToLive))
        try await Self.calling { try await self.store.put(name, bytes, for: life, timeout: timeout) }
    }

    /// Stores a value and returns the one it replaces, atomically.
    ///
    /// - Parameters:
    ///   - value: the value to store.
    ///   - key: any text but the empty one.
    ///   - timeToLive: the entry's TTL; the map's by default.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: the old value; `nil` if there was none.
    /// - Throws: as ``put(_:for:timeToLive:timeout:)``; also `undecodable` if the old value cannot be read: then the new one is
    ///   stored; `wrongType` if the key holds no string: then nothing is stored.
    public func exchange(
        _ value: Value,
        for key: String,
        timeToLive: Duration? = nil,
        timeout: Duration? = nil
    ) async throws -> Value? {
        let (name, bytes, life) = (try self.name(key), try self.encode(value), try self.life(timeToLive))
        return try await self.decoded { try await self.store.exchange(name, bytes, for: life, timeout: timeout) }
    }

    /// Stores a value if there is no entry.
    ///
    /// - Parameters:
    ///   - value: the value to store.
    ///   - key: any text but the empty one.
    ///   - timeToLive: the entry's TTL; the map's by default.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: the value that is there already; `nil` if the new one was stored.
    /// - Throws: as ``put(_:for:timeToLive:timeout:)``; also `undecodable` and `wrongType`: then nothing is stored.
    public func putIfAbsent(
        _ value: Value,
        for key: String,
        timeToLive: Duration? = nil,
        timeout: Duration? = nil
    ) async throws -> Value? {
        let (name, bytes, life) = (try self.name(key), try self.encode(value), try self.life(timeToLive))
        return try await self.decoded { try await self.store.putIfAbsent(name, bytes, for: life, timeout: timeout) }
    }

    /// Stores a value under a random name that cannot be guessed: for tokens, and for states that pass through a browser.
    ///
    /// - Parameters:
    ///   - value: the value to store.
    ///   - timeToLive: the entry's TTL; the map's by default.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: the name: 32 hexadecimal digits, of 128 random bits.
    /// - Throws: as ``put(_:for:timeToLive:timeout:)``.
    public func issue(_ value: Value, timeToLive: Duration? = nil, timeout: Duration? = nil) async throws -> String {
        let name = Token.random().text
        try await self.put(value, for: name, timeToLive: timeToLive, timeout: timeout)
        return name
    }

    /// Removes an entry and returns its value, so that it is read once: of several callers one gets the value.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: the removed value; `nil` if there was no entry.
    /// - Throws: ``OxbowError``, also `undecodable`: then the entry is removed; `wrongType`: then nothing is removed;
    ///   `CancellationError`. After a lost connection the entry may be removed without any caller having its value.
    public func take(_ key: String, timeout: Duration? = nil) async throws -> Value? {
        let name = try self.name(key)
        return try await self.decoded { try await self.store.take(name, timeout: timeout) }
    }

    /// Removes an entry, whatever the key holds: the value is neither read nor returned.
    ///
    /// - Parameters:
    ///   - key: any text but the empty one.
    ///   - timeout: the limit of the call; `commandTimeout` by default.
    /// - Returns: whether there was an entry.
    /// - Throws: ``OxbowError``; `CancellationError`.
    @discardableResult
    public func remove(_ key: String, timeout: Duration? = nil) async throws -> Bool {
        let name = try self.name(key)
        return try await Self.calling { try await self.store.remove([name], timeout: timeout) } == 1
    }
}

package import NIOCore

/// The operations of a shared store that maps need, each atomic on one key.
///
/// Every operation throws when the store cannot be reached or refuses. A change is sent at most once. A timeout limits the
/// operation; `nil` stands for the store's own.
package protocol MapStore: Sendable {
    /// Reads a key, and sets its TTL if one is given. Safe to repeat.
    func read(_ key: CellName, resettingLifeTo life: Duration?, timeout: Duration?) async throws -> ByteBuffer?

    /// Reads keys, in their order. Safe to repeat.
    func read(_ keys: [CellName], timeout: Duration?) async throws -> [ByteBuffer?]

    /// Returns whether a key exists. Safe to repeat.
    func contains(_ key: CellName, timeout: Duration?) async throws -> Bool

    /// Stores, whatever the key holds.
    func put(_ key: CellName, _ bytes: ByteBuffer, for life: Duration, timeout: Duration?) async throws

    /// Stores and returns the old bytes.
    func exchange(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer?

    /// Stores if the key does not exist; else returns its bytes.
    func putIfAbsent(
        _ key: CellName,
        _ bytes: ByteBuffer,
        for life: Duration,
        timeout: Duration?
    ) async throws -> ByteBuffer?

    /// Stores if the key holds exactly `old`; with a TTL of its own, or keeping the old one's.
    ///
    /// - Returns: whether it was stored.
    func replace(
        _ key: CellName,
        _ old: ByteBuffer,
        with bytes: ByteBuffer,
        for life: Duration?,
        timeout: Duration?
    ) async throws -> Bool

    /// Removes a key and returns its bytes.
    func take(_ key: CellName, timeout: Duration?) async throws -> ByteBuffer?

    /// Returns all keys that begin with a prefix, some perhaps twice.
    func pages(prefix: CellName) -> any MapPages

    /// Removes keys.
    ///
    /// - Returns: how many existed.
    func remove(_ keys: [CellName], timeout: Duration?) async throws -> Int
}

/// Keys, page by page.
package protocol MapPages {
    /// Returns the next page; `nil` at the end.
    mutating func next() async throws -> [CellName]?
}

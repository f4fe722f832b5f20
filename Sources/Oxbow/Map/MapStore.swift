package import NIOCore

/// What maps ask of a shared store: one operation each, atomic on one key.
///
/// Every operation throws when the store cannot be reached or refuses. What changes something is sent once at most.
package protocol MapStore: Sendable {
    /// What stands under a key; with a life, that is its life from now on. Safe to repeat.
    func read(_ key: CellName, prolongedBy life: Duration?) async throws -> ByteBuffer?

    /// What stands under keys, in their order. Safe to repeat.
    func read(_ keys: [CellName]) async throws -> [ByteBuffer?]

    /// Whether something stands under a key. Safe to repeat.
    func contains(_ key: CellName) async throws -> Bool

    /// Stores, whatever is there.
    ///
    /// - Returns: what was there before.
    func put(_ key: CellName, _ bytes: ByteBuffer, for life: Duration) async throws -> ByteBuffer?

    /// Stores if nothing is there.
    ///
    /// - Returns: what is there; `nil` if it was stored.
    func putIfAbsent(_ key: CellName, _ bytes: ByteBuffer, for life: Duration) async throws -> ByteBuffer?

    /// Stores if exactly `old` is there; with a life of its own, or for the rest of the old one's.
    ///
    /// - Returns: whether it was stored.
    func replace(_ key: CellName, _ old: ByteBuffer, with bytes: ByteBuffer, for life: Duration?) async throws -> Bool

    /// Takes out what is there.
    func take(_ key: CellName) async throws -> ByteBuffer?

    /// All keys that begin with a prefix, some perhaps twice.
    func pages(prefix: CellName) -> any MapPages

    /// Takes keys out.
    ///
    /// - Returns: how many there were.
    func remove(_ keys: [CellName]) async throws -> Int
}

/// Keys, page by page.
package protocol MapPages {
    /// The next page; `nil` at the end.
    mutating func next() async throws -> [CellName]?
}

extension DistributedMap {
    /// Stores a value under a random name that nobody can guess: for tokens, and for states that go through a browser.
    ///
    /// - Parameters:
    ///   - value: what to store.
    ///   - timeToLive: its life; the map's by default.
    /// - Returns: the name: 32 hexadecimal digits, of 128 random bits.
    /// - Throws: as ``put(_:for:timeToLive:)``.
    public func issue(_ value: Value, timeToLive: Duration? = nil) async throws -> String {
        let name = Token.random().text
        try await self.put(value, for: name, timeToLive: timeToLive)
        return name
    }
}

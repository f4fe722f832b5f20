/// Queued commands hold keys and values, and an event loop the connections of others.
extension RedisClient: CustomStringConvertible, CustomReflectable {
    /// Where the client connects to.
    public var description: String {
        "RedisClient(\(self.configuration.addresses.map(\.description).joined(separator: ", ")))"
    }
    /// The settings.
    public var customMirror: Mirror { Mirror(self, children: ["configuration": self.configuration]) }
}

extension RedisConnection: CustomStringConvertible, CustomReflectable {
    /// The type.
    public var description: String { "RedisConnection" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The configuration of maps.
public struct MapConfiguration: Sendable, Hashable {
    /// The first component of every key; `ox-map` by default.
    ///
    /// Applications that share a database need a prefix each.
    public var keyPrefix = "ox-map"
    /// The compression of values; none by default.
    public var compression = CompressionConfiguration()
    /// The largest value in bytes, not compressed; 16 MiB by default.
    public var maximumValueBytes = 16 * 1024 * 1024

    /// Creates a configuration with the defaults named at each property.
    public init() {}

    /// - Throws: ``ConfigurationError`` for the first setting that cannot work.
    func validate() throws {
        guard KeyEncoding.isSoundPrefix(self.keyPrefix) else {
            throw ConfigurationError("keyPrefix of maps must be \(KeyEncoding.soundPrefix)")
        }
        try Envelope.validate(maximumValueBytes: self.maximumValueBytes)
    }
}

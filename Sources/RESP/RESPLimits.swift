/// The bounds within which a reply is accepted; anything beyond is a protocol error, found before memory is spent on it.
public struct RESPLimits: Sendable, Hashable {
    /// The longest bulk string in bytes; 512 MiB by default, the server's own `proto-max-bulk-len`.
    public var maximumBulkBytes: Int = 512 * 1024 * 1024
    /// The most elements (a map counts key and value) one aggregate may announce; 2^26 by default.
    public var maximumElements: Int = 1 << 26
    /// The deepest nesting of aggregates; 64 by default.
    public var maximumDepth: Int = 64
    /// The longest simple string, error, number or header line in bytes; 64 KiB by default.
    public var maximumLineBytes: Int = 64 * 1024

    /// The most bytes held of replies that are not complete, a pipeline's replies together; 1 GiB by default.
    public var maximumReplyBytes: Int = 1024 * 1024 * 1024

    /// The defaults named at each property.
    public init() {}
}

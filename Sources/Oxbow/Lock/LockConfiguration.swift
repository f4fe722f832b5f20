/// How locks behave.
public struct LockConfiguration: Sendable, Hashable {
    /// The first component of every key; `ox-lock` by default.
    ///
    /// Give applications that share a database prefixes of their own.
    public var keyPrefix = "ox-lock"

    /// The defaults named at each property.
    public init() {}

    /// - Throws: ``ConfigurationError`` for the first setting that cannot work.
    func validate() throws {
        guard KeyEncoding.isSoundPrefix(self.keyPrefix) else {
            throw ConfigurationError("keyPrefix of locks must be \(KeyEncoding.soundPrefix)")
        }
    }
}

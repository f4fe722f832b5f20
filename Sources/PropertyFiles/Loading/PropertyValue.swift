/// The value of a property and where it comes from.
///
/// The text may be a secret, so neither the description nor a mirror shows it.
public struct PropertyValue: Sendable, Hashable {
    /// The value, references to variables replaced and blanks at both ends removed.
    public let text: String
    /// The file and line, or the environment variable, that the value comes from.
    public let source: PropertySource

    /// The value with the blanks at its ends that `java.util.Properties` keeps: for secrets, where each character counts.
    package let untrimmed: String

    init(_ text: String, _ source: PropertySource) {
        self.text = text.trimmed
        self.untrimmed = text
        self.source = source
    }
}

extension PropertyValue: CustomStringConvertible, CustomReflectable {
    /// Where the value comes from; not the value, which may be secret.
    public var description: String { "value from \(self.source)" }

    /// A mirror of the source.
    public var customMirror: Mirror { Mirror(self, children: ["source": self.source]) }
}

/// One thing that is wrong, or worth a warning, in property files or the environment.
///
/// A problem names the place, the property, the value and what is allowed. The value of a secret property is always
/// `<redacted>`, and values of properties that nothing is known about are left out.
public struct PropertyProblem: Sendable, Hashable, CustomStringConvertible {
    /// The kind of problem.
    public let code: PropertyError.Code
    /// Where it was found.
    public let source: PropertySource
    /// The full name of the property concerned, if one is.
    public let property: String?
    /// The value as it was written, `<redacted>` for a secret, `nil` if it does not matter or nothing is known about it.
    public let value: String?
    /// What is wrong.
    public let message: String
    /// What would be right, such as `a whole number from 0 to 15`.
    public let allowed: String?

    package init(
        _ code: PropertyError.Code,
        at source: PropertySource,
        property: String? = nil,
        value: String? = nil,
        _ message: String,
        allowed: String? = nil
    ) {
        self.code = code
        self.source = source
        self.property = property
        self.value = value
        self.message = message
        self.allowed = allowed
    }

    /// One line: `redis.properties:12: com.example.database = abc: not a whole number; allowed: …`.
    public var description: String {
        var text = "\(self.source): "
        if let property = self.property {
            text += property.printable
            if let value = self.value { text += " = \(value.printable)" }
            text += ": "
        }
        text += self.message.printable
        if let allowed = self.allowed { text += "; allowed: \(allowed.printable)" }
        return text
    }
}

extension PropertyProblem: Comparable {
    /// Orders by source, then by property, then by what is wrong.
    public static func < (left: PropertyProblem, right: PropertyProblem) -> Bool {
        (left.source, left.property ?? "", left.message) < (right.source, right.property ?? "", right.message)
    }
}

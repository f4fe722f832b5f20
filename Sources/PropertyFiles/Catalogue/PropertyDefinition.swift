/// What is known about one property: its name, what it may hold, its default and how to treat it.
package struct PropertyDefinition: Sendable, Hashable {
    /// What a property may hold.
    ///
    /// Limits are part of the kind, so that each is written once.
    package enum Kind: Sendable, Hashable {
        /// `true` or `false`.
        case boolean
        /// A whole number.
        case integer(ClosedRange<Int>)
        /// A number that may have a fraction.
        case decimal(ClosedRange<Double>)
        /// A whole number of milliseconds, read as a `Duration`.
        case milliseconds(ClosedRange<Int>)
        /// A whole number of seconds, read as a `Duration`.
        case seconds(ClosedRange<Int>)
        /// A whole number of bytes.
        case bytes(ClosedRange<Int>)
        /// Any text.
        case string
        /// Texts separated by commas.
        case list
        /// One of the words, in whatever case.
        case enumeration([String])
    }

    /// The full name of the property.
    package let key: String
    /// What it may hold.
    package let kind: Kind
    /// The default as it would be written in a file; if empty, the property may be empty whatever its kind.
    package let `default`: String
    /// Whether -1 stands for the largest value, as "no limit" and "for ever" do in commons-pool.
    package let takesNoLimit: Bool
    /// Whether the value must never be shown.
    package let isSecret: Bool
    /// Whether a change takes effect without a restart.
    package let isReloadable: Bool
    /// Why nothing acts upon the property; `nil` if something does.
    package let withoutEffect: String?
    /// Whether the property may also be set for a variant, with another prefix in place of its family's.
    package let hasVariants: Bool
    /// What the property is for, in a sentence.
    package let documentation: String

    package init(
        _ key: String,
        _ kind: Kind,
        default: String = "",
        noLimit: Bool = false,
        secret: Bool = false,
        reloadable: Bool = false,
        honored: Bool = true,
        variants: Bool = false,
        _ documentation: String
    ) {
        self.key = key
        self.kind = kind
        self.default = `default`
        self.takesNoLimit = noLimit
        self.isSecret = secret
        self.isReloadable = reloadable
        self.withoutEffect = honored ? nil : Self.notYet
        self.hasVariants = variants
        self.documentation = documentation
    }

    /// The same property for a variant, which has no variants itself.
    init(_ key: String, variantOf template: PropertyDefinition, withoutEffect: String?) {
        self.key = key
        self.kind = template.kind
        self.default = template.default
        self.takesNoLimit = template.takesNoLimit
        self.isSecret = template.isSecret
        self.isReloadable = template.isReloadable
        self.withoutEffect = withoutEffect ?? template.withoutEffect
        self.hasVariants = false
        self.documentation = template.documentation
    }

    /// Why nothing acts upon a property that is known for later.
    package static let notYet = "known, but without effect in this version"

    /// Whether a text, already trimmed, is a value of the property.
    package func accepts(_ text: String) -> Bool {
        if text.isEmpty, self.default.isEmpty { return true }
        let text = self.limited(text)
        return switch self.kind {
        case .boolean: PropertyText.boolean(text) != nil
        case .integer(let range), .milliseconds(let range), .seconds(let range), .bytes(let range):
            PropertyText.integer(text, in: range) != nil
        case .decimal(let range): PropertyText.decimal(text, in: range) != nil
        case .string, .list: true
        case .enumeration(let words): PropertyText.word(text, of: words) != nil
        }
    }

    /// The text, or the largest value in place of a -1 that stands for no limit.
    func limited(_ text: String) -> String {
        guard self.takesNoLimit, let largest = self.kind.largest, PropertyText.integer(text, in: -1 ... -1) != nil
        else {
            return text
        }
        return String(largest)
    }

    /// What may be written, in words.
    package var allowed: String {
        guard self.takesNoLimit, let largest = self.kind.largest else { return self.kind.allowed }
        return "\(self.kind.allowed), or -1 for no limit, which is \(largest)"
    }

    /// Whether a text, already trimmed, says the same as the default.
    func isDefault(_ text: String) -> Bool {
        switch self.kind {
        case .boolean, .enumeration: text.equalsIgnoringCase(self.default)
        default: text == self.default
        }
    }
}

extension PropertyDefinition.Kind {
    /// The unit of the number, if it has one: `milliseconds`, `seconds` or `bytes`.
    package var unit: String? {
        switch self {
        case .milliseconds: "milliseconds"
        case .seconds: "seconds"
        case .bytes: "bytes"
        default: nil
        }
    }

    /// The largest whole number, if the kind is one of those.
    fileprivate var largest: Int? {
        switch self {
        case .integer(let range), .milliseconds(let range), .seconds(let range), .bytes(let range): range.upperBound
        default: nil
        }
    }

    /// What may be written, in words: `a whole number of seconds from 0 to 60`.
    package var allowed: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .decimal(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .milliseconds(let range), .seconds(let range), .bytes(let range):
            "a whole number of \(self.unit ?? "") from \(range.lowerBound) to \(range.upperBound)"
        case .string: "a text"
        case .list: "texts separated by commas"
        case .enumeration(let words): words.joined(separator: ", ")
        }
    }

    /// What is wrong with a text that is not accepted.
    func complaint(about text: String) -> String {
        switch self {
        case .boolean: "neither true nor false"
        case .integer, .milliseconds, .seconds, .bytes:
            PropertyText.isInteger(text) ? "out of range" : "not a whole number"
        case .decimal: PropertyText.decimal(text, in: -.infinity...(.infinity)) == nil ? "not a number" : "out of range"
        case .string, .list: "not a text"
        case .enumeration: "not one of the words allowed"
        }
    }
}

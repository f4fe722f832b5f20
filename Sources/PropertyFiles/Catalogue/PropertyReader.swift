/// Reads typed values through a catalogue and collects everything that is wrong, so that all of it is told at once.
///
/// A method that meets a bad value notes the problem and returns the default; ``check()`` throws what was noted. Keys are
/// looked up under the prefixes of the current scope: the first prefix under which the property is set wins, then comes
/// the default of the last one. Without a scope, keys are full names. Asking for a key that is not in the catalogue is a
/// mistake of the program and stops it.
///
/// ```swift
/// var reader = PropertyReader(properties, catalogue)
/// let second = reader.scoped(to: ["com.example.second.", "com.example."]) { reader in
///     (timeout: reader.duration("timeoutMillis"), password: reader.secret("password"))
/// }
/// log(reader.warnings)
/// try reader.check()
/// ```
package struct PropertyReader: Sendable {
    /// The values that are read.
    package let properties: PropertySet
    /// What is known about them.
    package private(set) var catalogue: PropertyCatalogue
    private var prefixes = [""]
    private var noted: [PropertyProblem] = []
    var remarks: [PropertyProblem] = []

    /// A reader whose scope is full names.
    package init(_ properties: PropertySet, _ catalogue: PropertyCatalogue) {
        self.properties = properties
        self.catalogue = catalogue
    }

    /// Makes properties known under more prefixes; see ``PropertyCatalogue/addVariants(_:of:withoutEffect:)``.
    package mutating func addVariants(_ prefixes: [String], of base: String, withoutEffect: String? = nil) {
        self.catalogue.addVariants(prefixes, of: base, withoutEffect: withoutEffect)
    }

    /// Notes a problem for each property without effect that is set to what it may not hold: it will have an effect some
    /// day, and nobody reads it before.
    package mutating func checkIgnored() {
        for definition in self.catalogue.definitions where definition.withoutEffect != nil {
            guard let value = self.properties[definition.key], !definition.accepts(value.text) else { continue }
            self.note(definition, value, definition.kind.complaint(about: value.text), allowed: definition.allowed)
        }
    }

    /// Runs a closure in which keys are looked up under the given prefixes, first match first.
    package mutating func scoped<Result, Failure: Error>(
        to prefixes: [String],
        _ body: (inout PropertyReader) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outer = self.prefixes
        self.prefixes = prefixes
        defer { self.prefixes = outer }
        return try body(&self)
    }

    /// The trimmed text of a property, or its default, and where it comes from.
    package func value(of key: String) -> PropertyValue { self.find(key).value }

    /// Whether a file or the environment sets the property, be it to nothing.
    package func isSet(_ key: String) -> Bool { !self.find(key).value.source.isDefault }

    /// Whether it is set under the first prefix of the scope, and not taken over from another one.
    package func isSetItself(_ key: String) -> Bool {
        guard let definition = self.definition(of: key) else { return false }
        return self.properties[definition.key] != nil
    }

    /// Notes that the value of a property cannot be used, for a reason that its kind does not cover.
    ///
    /// Where it is taken over from another prefix, the message says so, unless the value cannot be used there either.
    ///
    /// - Parameters:
    ///   - key: The property.
    ///   - message: What is wrong.
    ///   - allowed: What would be right.
    ///   - isSecret: Whether this value must not be shown, although others of the property may be.
    package mutating func refuse(_ key: String, _ message: String, allowed: String? = nil, isSecret: Bool = false) {
        var (definition, value) = self.find(key)
        var message = message
        if let first = self.definition(of: key), first.key != definition.key {
            if value.source.isDefault {
                definition = first
            } else if self.noted.contains(where: {
                $0.source == value.source && $0.property == definition.key && $0.message == message
            }) {
                return
            } else {
                message += "; it stands for \(first.key) too, which is not set"
            }
        }
        self.note(definition, value, message, allowed: allowed, isSecret: isSecret)
    }

    /// Notes a warning about the value of a property; the value is not part of it.
    package mutating func warn(_ key: String, _ message: String) {
        let (definition, value) = self.find(key)
        let warning = PropertyProblem(.discouraged, at: value.source, property: definition.key, message)
        if !self.remarks.contains(warning) { self.remarks.append(warning) }
    }

    /// The problems noted so far and those of the environment, sorted.
    package var problems: [PropertyProblem] { (self.noted + self.ambiguities).sorted() }

    /// Throws the problems as one error, if there is any.
    package func check() throws(PropertyError) {
        if let error = PropertyError(self.problems) { throw error }
    }

    /// Reads a value; an empty one gives `nil` if the default is empty, too.
    mutating func read<Value>(
        _ key: String,
        _ parse: (String, PropertyDefinition.Kind) -> Value?
    ) -> Value? {
        let (definition, value) = self.find(key)
        if value.text.isEmpty, definition.default.isEmpty { return nil }
        if let parsed = parse(definition.limited(value.text), definition.kind) { return parsed }
        let kind = definition.kind
        self.note(definition, value, kind.complaint(about: value.text), allowed: definition.allowed)
        return definition.default.isEmpty ? nil : parse(definition.default, kind)
    }

    /// What is known about a property under the first prefix of the scope that has it.
    private func definition(of key: String) -> PropertyDefinition? {
        self.prefixes.lazy.compactMap { self.catalogue[$0 + key] }.first
    }

    private func find(_ key: String) -> (definition: PropertyDefinition, value: PropertyValue) {
        var last: PropertyDefinition?
        for prefix in self.prefixes {
            guard let definition = self.catalogue[prefix + key] else { continue }
            if let value = self.properties[definition.key] { return (definition, value) }
            last = definition
        }
        guard let last else { preconditionFailure("\(key) is not in the catalogue") }
        return (last, PropertyValue(last.default, .default))
    }

    /// A value may be read by several scopes; its problem is noted once.
    private mutating func note(
        _ definition: PropertyDefinition,
        _ value: PropertyValue,
        _ message: String,
        allowed: String?,
        isSecret: Bool = false
    ) {
        let problem = PropertyProblem(
            .invalid,
            at: value.source,
            property: definition.key,
            value: definition.isSecret || isSecret ? Secret.redacted : value.text,
            message,
            allowed: allowed
        )
        if !self.noted.contains(problem) { self.noted.append(problem) }
    }

    /// A problem for every variable that is set and stands for more than one known property.
    private var ambiguities: [PropertyProblem] {
        self.properties.environment.keys.compactMap { variable in
            let keys = self.catalogue.keys(environmentName: variable)
            guard keys.count > 1 else { return nil }
            let message = "stands for \(keys.joined(separator: " and "))"
            return PropertyProblem(.ambiguous, at: .environment(variable), message, allowed: "to set them in a file")
        }
    }
}

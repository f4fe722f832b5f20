/// All properties that are known, and the families in which an unknown one is worth a warning.
package struct PropertyCatalogue: Sendable {
    /// The definitions in the order they were given, variants last.
    package private(set) var definitions: [PropertyDefinition] = []
    /// The prefixes of the families, each with its final dot.
    package let families: [String]
    /// The prefixes of families all of whose properties are known for later, each with its final dot.
    private let laterFamilies: [String]
    private var indexByKey: [String: Int] = [:]
    private var keysByEnvironmentName: [String: [String]] = [:]

    /// A catalogue of the given properties.
    ///
    /// Two definitions of one key are a mistake of the program and stop it.
    package init(families: [String], laterFamilies: [String] = [], _ definitions: [PropertyDefinition]) {
        self.families = families
        self.laterFamilies = laterFamilies
        for definition in definitions {
            let isNew = self.add(definition)
            precondition(isNew, "\(definition.key) is defined twice")
        }
    }

    /// The definition of a key, variants included.
    package subscript(key: String) -> PropertyDefinition? { self.indexByKey[key].map { self.definitions[$0] } }

    /// Makes the properties under one prefix that have variants known under other prefixes, too.
    ///
    /// For `com.example.` as the base, the variant `com.example.second.` makes `com.example.second.hosts` known if
    /// `com.example.hosts` is. The prefixes may come from a file: what is already known stays as it is.
    ///
    /// - Parameters:
    ///   - prefixes: those of the variants.
    ///   - base: that of the properties with variants.
    ///   - withoutEffect: why nothing acts upon the variants; `nil` if they are as the base is.
    package mutating func addVariants(_ prefixes: [String], of base: String, withoutEffect: String? = nil) {
        let templates = self.definitions.filter { $0.hasVariants && $0.key.utf8.starts(with: base.utf8) }
        for prefix in prefixes {
            for template in templates {
                let name = String(decoding: template.key.utf8.dropFirst(base.utf8.count), as: UTF8.self)
                self.add(PropertyDefinition(prefix + name, variantOf: template, withoutEffect: withoutEffect))
            }
        }
    }

    /// The known keys that an environment variable overrides; more than one is ambiguous.
    package func keys(environmentName: String) -> [String] { self.keysByEnvironmentName[environmentName] ?? [] }

    /// Whether a key belongs to one of the families.
    package func isInFamily(_ key: String) -> Bool {
        self.families.contains { key.utf8.starts(with: $0.utf8) }
    }

    /// Whether a key belongs to a family that is known for later.
    func isForLater(_ key: String) -> Bool {
        self.laterFamilies.contains { key.utf8.starts(with: $0.utf8) }
    }

    /// Whether an environment variable can only be meant for a property of a family that is known for later.
    func isForLater(environmentName: String) -> Bool {
        self.laterFamilies.contains { environmentName.utf8.starts(with: PropertySet.environmentName(of: $0).utf8) }
    }

    /// Whether an environment variable can only be meant for a property of one of the families.
    func isInFamily(environmentName: String) -> Bool {
        self.families.contains { environmentName.utf8.starts(with: PropertySet.environmentName(of: $0).utf8) }
    }

    @discardableResult
    private mutating func add(_ definition: PropertyDefinition) -> Bool {
        guard self.indexByKey[definition.key] == nil else { return false }
        self.indexByKey[definition.key] = self.definitions.count
        self.definitions.append(definition)
        self.keysByEnvironmentName[PropertySet.environmentName(of: definition.key), default: []].append(definition.key)
        return true
    }
}

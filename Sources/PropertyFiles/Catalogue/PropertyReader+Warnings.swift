extension PropertyReader {
    /// What is no error but should be told at the start, sorted; ask when all variants are known.
    ///
    /// These are: unknown properties of a known family, with the nearest known name; environment variables that look like
    /// one; properties without effect whose value is not the default; and what ``warn(_:_:)`` noted.
    package var warnings: [PropertyProblem] {
        (self.remarks + self.unknownProperties + self.unknownVariables + self.ignoredProperties).sorted()
    }

    private var unknownProperties: [PropertyProblem] {
        self.properties.fileValues.compactMap { key, value in
            guard self.catalogue[key] == nil else { return nil }
            if self.catalogue.isForLater(key) {
                return PropertyProblem(.ignored, at: value.source, property: key, PropertyDefinition.notYet)
            }
            guard self.catalogue.isInFamily(key) else { return nil }
            let message = self.message(self.catalogue.nearestKey(to: key))
            return PropertyProblem(.unknown, at: value.source, property: key, message)
        }
    }

    /// Variables with the prefix of a family that override neither a known property nor one in a file.
    private var unknownVariables: [PropertyProblem] {
        let inFiles = Set(self.properties.fileValues.keys.map { PropertySet.environmentName(of: $0) })
        let known = self.catalogue.definitions.map { PropertySet.environmentName(of: $0.key) }
        return self.properties.environment.keys.compactMap { variable in
            guard !inFiles.contains(variable) else { return nil }
            if self.catalogue.isForLater(environmentName: variable) {
                return PropertyProblem(.ignored, at: .environment(variable), PropertyDefinition.notYet)
            }
            guard self.catalogue.isInFamily(environmentName: variable) else { return nil }
            guard self.catalogue.keys(environmentName: variable).isEmpty else { return nil }
            let nearest = PropertyCatalogue.nearest(to: variable, among: known)
            return PropertyProblem(.unknown, at: .environment(variable), self.message(nearest))
        }
    }

    private var ignoredProperties: [PropertyProblem] {
        self.catalogue.definitions.compactMap { definition in
            guard let reason = definition.withoutEffect, let value = self.properties[definition.key],
                !definition.isDefault(value.text)
            else { return nil }
            return PropertyProblem(.ignored, at: value.source, property: definition.key, reason)
        }
    }

    private func message(_ nearest: String?) -> String {
        guard let nearest else { return "unknown property" }
        return "unknown property; did you mean \(nearest)?"
    }
}

public import Logging
public import PropertyFiles

extension Oxbow {
    /// An instance configured by property files: `try Oxbow(properties: .load(from: "Properties", environment: …))`.
    ///
    /// Warnings (unknown properties, properties without effect in this version or with these settings) go to the log.
    ///
    /// - Parameters:
    ///   - properties: one or more files, with the environment.
    ///   - logger: for this and for the background work.
    /// - Throws: `PropertyError` with all problems at once: file, line, property, value and what is allowed;
    ///   ``ConfigurationError``.
    public convenience init(properties: PropertySet, logger: Logger = Logger(label: "Oxbow")) throws {
        let configuration = try OxbowConfiguration(properties, logger: logger)
        try self.init(configuration, properties: properties, logger: logger)
    }
}

extension OxbowConfiguration {
    /// Reads a configuration; warnings go to the log.
    init(_ properties: PropertySet, logger: Logger) throws(PropertyError) {
        var warnings: [PropertyProblem] = []
        try self.init(properties: properties, warnings: &warnings)
        // One line for all of a kind: the shipped files set every property.
        let withoutEffect = Dictionary(grouping: warnings.filter { $0.code == .ignored }, by: \.message)
        for (reason, warnings) in withoutEffect.sorted(by: { $0.key < $1.key }) {
            let names = warnings.map { "\($0.property ?? "") (\($0.source))" }
            logger.warning(
                "known properties without effect",
                metadata: ["reason": "\(reason)", "properties": .array(names.map { .string($0) })]
            )
        }
        // The client tells of the missing verification when it starts, however it was configured.
        for warning in warnings
        where warning.code != .ignored && warning.message != OxbowProperties.withoutVerification {
            logger.warning("questionable property", metadata: ["property": "\(warning)"])
        }
    }
}

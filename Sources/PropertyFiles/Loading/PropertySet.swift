/// The properties of an application: files in layers, with the environment on top.
///
/// A set is made of layers; a later layer overrides an earlier one. Above all layers stands the environment: a variable
/// named after the property in capitals, with `_` for every other character, overrides the files
/// (`COM_EXAMPLE_POOL_MAXTOTAL` for `com.example.pool.maxTotal`) and is taken as it is. A variable that is set to nothing
/// counts as unset.
///
/// Values in files may refer to environment variables: `${NAME}`, and `${NAME:-default}` for variables that may be unset
/// or empty. Defaults may contain references. `$${` stands for a literal `${`. References are replaced after the escapes
/// of the file's syntax, and only in values that nothing overrides.
///
/// ```swift
/// let properties = try PropertySet.load(from: "Properties", environment: ProcessInfo.processInfo.environment)
/// let hosts = properties["com.example.hosts"]?.text
/// ```
public struct PropertySet: Sendable {
    /// What the files say, without the environment's overrides, by key.
    let fileValues: [String: PropertyValue]
    /// The environment variables that are set to something.
    let environment: [String: String]

    /// Reads the properties from a text, as if it were the only file.
    ///
    /// - Parameters:
    ///   - text: The content in the syntax of ``PropertyFile``; empty if there is only the environment.
    ///   - name: What messages call the text.
    ///   - environment: The environment variables; none by default.
    /// - Throws: ``PropertyError`` with every problem of the text.
    public init(_ text: String, named name: String, environment: [String: String] = [:]) throws(PropertyError) {
        var problems: [PropertyProblem] = []
        let file = PropertyFile(bytes: Array(text.utf8), named: name, problems: &problems)
        try self.init(layers: [[file]], environment: environment, problems: problems)
    }

    /// Puts layers on top of each other.
    ///
    /// - Throws: ``PropertyError`` with the given problems and those found here, if there is any.
    init(
        layers: [[PropertyFile]],
        environment: [String: String],
        problems: [PropertyProblem] = [],
        cause: (any Error)? = nil
    ) throws(PropertyError) {
        var problems = problems
        var written: [String: (rawValue: String, source: PropertySource)] = [:]
        for layer in layers {
            problems += Self.duplicates(in: layer)
            for file in layer {
                for entry in file.entries {
                    written[entry.key] = (entry.rawValue, .file(file.name, line: entry.line))
                }
            }
        }
        let expansion = VariableExpansion(environment: environment)
        // Compose files and charts set variables to nothing where they mean none.
        let overrides = environment.filter { !$0.value.isEmpty }
        var values: [String: PropertyValue] = [:]
        for (key, value) in written {
            do throws(VariableExpansion.Failure) {
                let isOverridden = overrides[Self.environmentName(of: key)] != nil
                let text = isOverridden ? value.rawValue : try expansion.expanded(value.rawValue)
                values[key] = PropertyValue(text, value.source)
            } catch {
                let (code, message, allowed) = error.problem
                problems.append(PropertyProblem(code, at: value.source, property: key, message, allowed: allowed))
            }
        }
        if let error = PropertyError(problems, cause: cause) { throw error }
        self.fileValues = values
        self.environment = overrides
    }

    /// The value of a property, or `nil` if neither the environment nor a file sets it.
    ///
    /// A line that sets the property to nothing gives an empty value.
    public subscript(key: String) -> PropertyValue? {
        let variable = Self.environmentName(of: key)
        if let text = self.environment[variable] { return PropertyValue(text, .environment(variable)) }
        return self.fileValues[key]
    }

    /// The names of all properties that a file sets, in alphabetical order.
    public var keys: [String] { self.fileValues.keys.sorted() }

    /// The environment variable that overrides a property: ASCII letters in capitals, digits, and `_` for all others.
    public static func environmentName(of key: String) -> String {
        var name: [UInt8] = []
        name.reserveCapacity(key.utf8.count)
        // Of a character of several bytes only the first one counts.
        for byte in key.utf8 where byte & 0xC0 != 0x80 {
            if byte.isASCIILetter {
                name.append(byte & 0xDF)
            } else {
                name.append(byte.isASCIIDigit ? byte : UInt8(ascii: "_"))
            }
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// A problem for every entry whose key another entry of the same layer has set before.
    static func duplicates(in layer: [PropertyFile]) -> [PropertyProblem] {
        var first: [String: PropertySource] = [:]
        var problems: [PropertyProblem] = []
        for file in layer {
            for entry in file.entries {
                let source = PropertySource.file(file.name, line: entry.line)
                if let other = first[entry.key] {
                    problems.append(
                        PropertyProblem(.duplicate, at: source, property: entry.key, "already set at \(other)")
                    )
                } else {
                    first[entry.key] = source
                }
            }
        }
        return problems
    }
}

extension PropertySet: CustomStringConvertible, CustomReflectable {
    /// The number of properties; no values, which may be secret.
    public var description: String { "\(self.fileValues.count) properties" }

    /// A mirror of the keys.
    public var customMirror: Mirror { Mirror(self, children: ["keys": self.keys]) }
}

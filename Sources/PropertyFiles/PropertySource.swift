/// Where the value of a property was written: a line of a file, an environment variable, or nowhere (its default).
public struct PropertySource: Sendable, Hashable, CustomStringConvertible {
    private enum Place: Sendable, Hashable {
        case file(String, line: Int?)
        case environment(String)
        case standard
    }

    private let place: Place

    /// A line of a file, counted from 1; without a line, the file as a whole.
    public static func file(_ name: String, line: Int? = nil) -> PropertySource {
        PropertySource(place: .file(name, line: line))
    }

    /// An environment variable, by its name.
    public static func environment(_ variable: String) -> PropertySource {
        PropertySource(place: .environment(variable))
    }

    /// No place at all: the property is not set and its default applies.
    public static var `default`: PropertySource { PropertySource(place: .standard) }

    /// The name of the file, if the value was written in one.
    public var file: String? {
        if case .file(let name, _) = self.place { name } else { nil }
    }

    /// The line in the file, counted from 1, if the value was written in a file.
    public var line: Int? {
        if case .file(_, let line) = self.place { line } else { nil }
    }

    /// The name of the environment variable, if the value came from one.
    public var environmentVariable: String? {
        if case .environment(let variable) = self.place { variable } else { nil }
    }

    /// Whether the property is not set and its default applies.
    public var isDefault: Bool { self.place == .standard }

    /// The place as printed in messages: `redis.properties:12`, `environment variable NAME`, or `default`.
    public var description: String {
        switch self.place {
        case .file(let name, nil): name.printable
        case .file(let name, let line?): "\(name.printable):\(line)"
        case .environment(let variable): "environment variable \(variable.printable)"
        case .standard: "default"
        }
    }
}

extension PropertySource: Comparable {
    /// Orders files by name and line, then environment variables by name, then the default.
    public static func < (left: PropertySource, right: PropertySource) -> Bool { left.rank < right.rank }

    private var rank: (Int, String, Int) {
        switch self.place {
        case .file(let name, let line): (0, name, line ?? 0)
        case .environment(let variable): (1, variable, 0)
        case .standard: (2, "", 0)
        }
    }
}

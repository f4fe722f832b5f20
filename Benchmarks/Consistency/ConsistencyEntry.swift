import ConsistencyHistory
import Oxbow

/// What is read and changed: few entries, so that operations meet.
enum ConsistencyEntry: Sendable {
    /// An entry of its own, in a plain cache.
    case single(String)
    /// An entry of a group.
    case grouped(String, group: String)
    /// An entry of the control.
    case control(String)

    /// The entry's key in the database and in the history.
    var name: String {
        switch self {
        case .single(let key): "single/\(key)"
        case .grouped(let key, let group): "grouped/\(group)/\(key)"
        case .control(let key): "\(HistoryRecord.controlPrefix)\(key)"
        }
    }

    /// Whether it has a long TTL, and changes seldom: what a snapshot holds of it stays for long.
    var isLasting: Bool {
        switch self {
        case .single(let key): Self.lastingKeys.contains(key)
        case .grouped(_, let group): Self.lastingGroups.contains(group)
        case .control: false
        }
    }

    private static let lastingKeys: Set<String> = ["4", "5", "6", "7"]
    private static let lastingGroups: Set<String> = ["c", "d"]

    static let singles = (0..<8).map { ConsistencyEntry.single("\($0)") }
    static let groups = ["a", "b", "c", "d"]
    static let groupKeys = ["0", "1"]
    static let grouped = Self.groups.flatMap { group in
        Self.groupKeys.map { ConsistencyEntry.grouped($0, group: group) }
    }
    static let controls = (0..<4).map { ConsistencyEntry.control("\($0)") }
    static let all = Self.singles + Self.grouped + Self.controls
}

/// What is stored.
struct ConsistencyRow: Codable, Sendable {
    var version: Int
}

import NIOCore
import RESP

/// What a server says of its role and of the data's history: the part of INFO that tells a promotion from a restart.
struct ServerReport: Sendable, Hashable {
    var role: ServerInfo.Role
    /// The history that its data belongs to: its own as a master, its master's as a replica.
    var history: String?
    /// The history that it had before it became a master.
    var earlierHistory: String?

    init(_ role: ServerInfo.Role, history: String? = nil, earlierHistory: String? = nil) {
        self.role = role
        self.history = history
        self.earlierHistory = earlierHistory
    }

    /// From the answer to INFO; `nil` where the server refuses to say.
    init?(_ reply: RESPValue) {
        guard let text = reply.text else { return nil }
        var values: [Substring: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = String(parts[1]) }
        }
        guard let role = ServerInfo.Role(said: values["role"]) else { return nil }
        self.init(role, history: values["master_replid"], earlierHistory: values["master_replid2"])
    }

    static let question = RawCommand<RESPValue>("INFO", "replication")
}

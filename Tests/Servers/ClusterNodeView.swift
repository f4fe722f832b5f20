/// A line of CLUSTER NODES: what one node knows of a node.
struct ClusterNodeView: Hashable {
    let id: String
    let flags: Set<String>
    /// The id of its master; `-` for a master.
    let master: String
    let epoch: Int
    let isConnected: Bool
    let slots: [ClosedRange<Int>]
    /// Slots that are on their way to or from it; nodes name their own only.
    let openSlots: [String]

    init(_ line: Substring) throws {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count >= 8, let epoch = Int(fields[6]) else {
            throw ServerProcessError("not a line of CLUSTER NODES: \(line)")
        }
        self.id = fields[0]
        self.flags = Set(fields[2].split(separator: ",").map(String.init))
        self.master = fields[3]
        self.epoch = epoch
        self.isConnected = fields[7] == "connected"
        self.openSlots = fields[8...].filter { $0.hasPrefix("[") }
        self.slots = try fields[8...].filter { !$0.hasPrefix("[") }
            .map { field in
                let bounds = field.split(separator: "-").compactMap { Int($0) }
                guard let first = bounds.first, let last = bounds.last, first <= last else {
                    throw ServerProcessError("not slots: \(field)")
                }
                return first...last
            }
    }

    var isMaster: Bool { self.flags.contains("master") }

    func owns(_ slot: Int) -> Bool { self.isMaster && self.slots.contains { $0.contains(slot) } }
}

extension ServerProcess {
    /// What this node knows of all nodes.
    func clusterNodes() throws -> [ClusterNodeView] {
        try self.cli("cluster", "nodes").split(separator: "\n").map { try ClusterNodeView($0) }
    }

    /// What this node says of itself.
    func clusterNode() throws -> ClusterNodeView {
        guard let view = try self.clusterNodes().first(where: { $0.flags.contains("myself") }) else {
            throw ServerProcessError("the node on port \(self.port) does not know itself")
        }
        return view
    }

    /// Runs a command that must be answered with OK.
    func order(_ arguments: String...) throws {
        let answer = try self.cli(arguments)
        if answer != "OK" {
            throw ServerProcessError("\(arguments.joined(separator: " ")) on port \(self.port): \(answer)")
        }
    }
}

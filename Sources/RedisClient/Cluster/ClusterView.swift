import NIOCore
import RESP

/// What one node of a cluster knows of it: who serves which slots.
struct ClusterView: Sendable, Hashable {
    /// Slots in a row that one master serves.
    struct Range: Sendable, Hashable {
        let slots: ClosedRange<Int>
        let master: RedisAddress
        let replicas: [RedisAddress]
    }

    var ranges: [Range]
    /// The nodes' names, which they keep for life; old servers tell none.
    var names: Set<String> = []

    /// Whether the node sees the cluster as failed: slots are not served, or it is cut off from most masters.
    var isFailed = false

    /// More nodes than the cluster specification recommends are not believed.
    static let maximumNodes = 1000

    /// How many of the slots have a master.
    var coverage: Int { self.ranges.reduce(0) { $0 + $1.slots.count } }

    init(ranges: [Range]) { self.ranges = ranges }

    /// Reads the reply to CLUSTER SLOTS.
    ///
    /// - Parameters:
    ///   - reply: an array of `[first, last, [host, port, …], [host, port, …] …]`.
    ///   - asked: the host that answered, which stands for one that the cluster does not name.
    /// - Throws: ``RESPError`` when the reply is of another form.
    init(_ reply: RESPValue, from asked: RedisAddress) throws(RESPError) {
        if case .error(let error) = reply { throw RESPError(reply: error) }
        guard case .array(let entries) = reply else { throw Self.malformed }
        var ranges: [Range] = []
        var masters: Set<RedisAddress> = []
        var allReplicas: Set<RedisAddress> = []
        var names: Set<String> = []
        for entry in entries.prefix(HashSlot.count) {
            guard case .array(let fields) = entry, fields.count >= 3, case .integer(let first) = fields[0],
                case .integer(let last) = fields[1], 0 <= first, first <= last, last < HashSlot.count
            else { throw Self.malformed }
            let nodes = fields[2...].map { Self.address($0, asked) }
            // A master whose address its node does not know yet serves nobody.
            guard let known = nodes.first, let master = known else { continue }
            masters.insert(master)
            guard masters.count <= Self.maximumNodes else {
                throw RESPError(.limitExceeded, "a cluster of more than \(Self.maximumNodes) masters")
            }
            var replicas = nodes.dropFirst().compactMap { $0 }.filter { $0 != master }
            replicas.removeAll { !allReplicas.contains($0) && allReplicas.count >= Self.maximumNodes }
            allReplicas.formUnion(replicas)
            for node in fields[2...] {
                if case .array(let parts) = node, parts.count >= 3, let name = parts[2].text { names.insert(name) }
            }
            ranges.append(Range(slots: Int(first)...Int(last), master: master, replicas: replicas))
        }
        self.ranges = ranges
        self.names = names
    }

    private static var malformed: RESPError { RESPError(.unexpectedType, "CLUSTER SLOTS was not answered with slots") }

    private static func address(_ value: RESPValue, _ asked: RedisAddress) -> RedisAddress? {
        guard case .array(let fields) = value, fields.count >= 2, case .integer(let port) = fields[1] else {
            return nil
        }
        let text: String
        switch fields[0] {
        case .string(let bytes): text = String(buffer: bytes)
        case .null: text = ""
        default: return nil
        }
        return RedisAddress(announced: text, port: Int(clamping: port), by: asked)
    }
}

extension RedisAddress {
    /// An address as a server announces it: an empty host stands for the server's own, `?` for one that it does not
    /// know.
    init?(announced host: String, port: Int, by server: RedisAddress) {
        guard (1...65_535).contains(port), host != "?" else { return nil }
        if host.isEmpty {
            guard case .host(let own, _) = server else { return nil }
            self = .host(own, port: port)
        } else {
            guard RedisAddress.isHost(host) else { return nil }
            self = .host(host, port: port)
        }
    }
}

/// Where a node sends a command that it does not carry out itself: `MOVED 3999 host:port` or `ASK 3999 host:port`.
struct ClusterRedirect: Sendable, Hashable {
    let slot: HashSlot
    let address: RedisAddress
    /// Only this once, behind ASKING; the slot has not moved yet.
    let isAsk: Bool

    /// Reads an error reply; `nil` if it is another one.
    init?(_ message: String, by server: RedisAddress) {
        let words = message.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == "MOVED" || words[0] == "ASK", let number = Int(words[1]),
            let slot = HashSlot(number), let colon = words[2].lastIndex(of: ":"),
            let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        var host = words[2][..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard let address = RedisAddress(announced: String(host), port: port, by: server) else { return nil }
        self.slot = slot
        self.address = address
        self.isAsk = words[0] == "ASK"
    }
}

import NIOCore
import RESP

/// What one sentinel says of the master and of those around it.
struct SentinelAnswer: Sendable, Hashable {
    struct Replica: Sendable, Hashable {
        var address: RedisAddress
        /// Whether the sentinel does not hold it for dead.
        var isUp: Bool
        /// Whether the sentinel reaches it, and it its master: not so where the master is dead or has just changed.
        var isInTouch: Bool
    }

    struct Colleague: Sendable, Hashable {
        var id: String
        var address: RedisAddress
    }

    /// The sentinel's own id; `nil` where it did not say.
    var id: String?
    /// Where the master is; `nil`: no master of this name is known.
    var master: RedisAddress?
    /// The number of the failover that made it the master; 0 where it did not say.
    var epoch: UInt64 = 0
    /// Whether this sentinel, perhaps alone, holds the master for dead.
    var isMasterDoubted = false
    /// Whether enough sentinels hold the master for dead, or it is just being replaced.
    var isMasterInTrouble = false
    /// Whether this sentinel is replacing it.
    var isFailingOver = false
    var replicas: [Replica] = []
    var others: [Colleague] = []

    /// More than this of a kind are not looked at.
    static let limit = 32

    /// The questions, in the order that ``init(_:)`` expects the answers in.
    ///
    /// The epoch before the address: while a failover is under way, the sentinel that leads it raises the epoch
    /// together with the address that GET-MASTER-ADDR-BY-NAME answers; SENTINEL MASTER names the old address for
    /// another second.
    static func questions(_ name: String) -> [RawCommand<RESPValue>] {
        [
            RawCommand("SENTINEL", "MASTER", name), RawCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name),
            RawCommand("SENTINEL", "REPLICAS", name), RawCommand("SENTINEL", "SENTINELS", name),
            RawCommand("SENTINEL", "MYID"),
        ]
    }

    init(id: String? = nil, master: RedisAddress? = nil, epoch: UInt64 = 0) {
        self.id = id
        self.master = master
        self.epoch = epoch
    }

    /// - Throws: ``RedisError`` when the sentinel refuses to name the master.
    init(_ replies: [RESPValue]) throws {
        self.init()
        guard replies.count == 5 else { throw RedisError(.unexpectedReply, "a sentinel left questions unanswered") }
        switch replies[1] {
        case .array(let parts) where parts.count == 2:
            self.master = RedisAddress(host: parts[0].text, port: parts[1].text)
        case .error(let refusal):
            let reason = RedisError.safeText(of: refusal)
            throw RedisError(.cannotConnect, "does not name the master: \(reason)", serverError: refusal.prefix)
        default: break
        }
        self.epoch = replies[0].field("config-epoch").flatMap { UInt64($0) } ?? 0
        // Of the old master, where GET-MASTER-ADDR-BY-NAME names the new one already.
        let flags = replies[0].announcedAddress == self.master ? replies[0].flags : []
        self.isFailingOver = flags.contains("failover_in_progress")
        self.isMasterInTrouble = self.isFailingOver || flags.contains("o_down")
        self.isMasterDoubted = flags.contains("s_down")
        self.replicas = replies[2].entries
            .compactMap { entry in
                guard let address = entry.announcedAddress else { return nil }
                let flags = entry.flags
                return Replica(
                    address: address,
                    isUp: flags.isDisjoint(with: ["s_down", "o_down"]),
                    isInTouch: flags.isDisjoint(with: ["disconnected", "master_down"])
                        && entry.field("master-link-status") == "ok"
                )
            }
        self.others = replies[3].entries
            .compactMap { entry in
                guard let address = entry.announcedAddress, let id = entry.field("runid"), !id.isEmpty else {
                    return nil
                }
                return Colleague(id: id, address: address)
            }
        if case .string = replies[4] { self.id = replies[4].text }
    }
}

extension RedisAddress {
    /// What a peer says is an address; `nil` if it cannot be one.
    init?(host: String?, port: String?) {
        guard let host, RedisAddress.isHost(host), let port = port.flatMap({ Int($0) }), (1...65_535).contains(port)
        else { return nil }
        self = .host(host, port: port)
    }
}

extension RESPValue {
    fileprivate var entries: ArraySlice<RESPValue> {
        guard case .array(let entries) = self else { return [] }
        return entries.prefix(SentinelAnswer.limit)
    }

    fileprivate var flags: Set<Substring> { Set((self.field("flags") ?? "").split(separator: ",")) }

    fileprivate var announcedAddress: RedisAddress? {
        RedisAddress(host: self.field("ip"), port: self.field("port"))
    }
}

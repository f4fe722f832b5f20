public import RESP

/// Where a command goes in a cluster.
public enum CommandRoute: Sendable, Hashable {
    /// It has no key: any node will do.
    case anywhere
    /// The node that serves this slot.
    case slot(HashSlot)
    /// Its keys are in several slots: no one node can carry it out.
    case severalSlots
    /// This node, whatever it serves.
    case node(RedisAddress)
}

/// The keys of a command, as it names them one by one: what a route is made of.
public struct CommandKeys: Sendable {
    /// Where commands with these keys go.
    public private(set) var route = CommandRoute.anywhere

    /// No keys yet.
    public init() {}

    /// Adds a key.
    public mutating func add(_ key: some RESPArgument) {
        let slot = CommandRoute.slot(HashSlot(of: key))
        switch self.route {
        case .anywhere: self.route = slot
        case slot: break
        default: self.route = .severalSlots
        }
    }
}

extension RedisCommand {
    /// Where the command goes in a cluster.
    @inlinable public var route: CommandRoute {
        var keys = CommandKeys()
        self.addKeys(to: &keys)
        return keys.route
    }
}

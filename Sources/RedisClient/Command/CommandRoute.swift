package import NIOCore
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
    private let isRecording: Bool
    /// The slot of each key.
    package private(set) var slots: [HashSlot] = []
    /// The bytes of each key.
    package private(set) var names: [ByteBuffer] = []

    /// No keys yet.
    public init() { self.isRecording = false }

    /// No keys yet; they will be noted one by one.
    package init(recording: Void) { self.isRecording = true }

    /// Adds a key.
    @inlinable
    public mutating func add(_ key: some RESPArgument) {
        self.add(HashSlot(of: key))
        if self.records { self.record(EncodedWord(key)) }
    }

    @usableFromInline var records: Bool { self.isRecording }

    @usableFromInline
    mutating func add(_ slot: HashSlot) {
        if self.isRecording { self.slots.append(slot) }
        switch self.route {
        case .anywhere: self.route = .slot(slot)
        case .slot(slot): break
        default: self.route = .severalSlots
        }
    }

    @usableFromInline
    mutating func record(_ key: EncodedWord) { self.names.append(key.content) }
}

extension RedisCommand {
    /// Where the command goes in a cluster.
    @inlinable public var route: CommandRoute {
        var keys = CommandKeys()
        self.addKeys(to: &keys)
        return keys.route
    }
}

import NIOCore
import RESP

/// How the commands of a pipeline are spread over a cluster's nodes.
///
/// Each command is encoded once, into the bytes of the group that goes to its node. Within a group the order of
/// commands is kept, and what stands between MULTI and EXEC stays in one piece.
struct PipelinePlan {
    /// What goes to one node in one piece.
    struct Group {
        var request: RedisRequest
        var bytes = ByteBuffer()
        var scripts = ScriptsSent()
    }

    /// A part of a command that was split.
    struct Part {
        let positions: [Int]
        let group: Int
    }

    /// Where a command went.
    enum Place {
        /// Into a group; not sent again by itself if it belongs to a transaction.
        case group(Int, isAlone: Bool)
        /// Into several, for all its keys.
        case parts([Part])
        /// Nowhere.
        case refused(RedisError)
    }

    /// What tells groups apart.
    private enum GroupName: Hashable {
        case node(ObjectIdentifier)
        case route(CommandRoute)
    }

    /// What has come since MULTI.
    private struct Transaction {
        var group: Group
        var keys = CommandKeys()
        let firstPlace: Int
    }

    private(set) var groups: [Group] = []
    private(set) var places: [Place] = []
    /// Why nothing of all this can be sent.
    private(set) var refusal: RedisError?
    private let template: RedisRequest
    private let router: (any RoutingExecutor)?
    private var names: [GroupName: Int] = [:]
    private var lastGroup: Int?
    private var transaction: Transaction?
    /// Beyond every limit.
    private static let maximumBytes = 1 << 31

    /// A plan without commands.
    ///
    /// - Parameters:
    ///   - whole: what all commands ask for together.
    ///   - executor: where they will go.
    init(_ whole: RedisRequest, _ executor: some RedisExecutor) {
        var template = whole
        template.count = 0
        template.isIdempotent = true
        self.template = template
        self.router = executor as? any RoutingExecutor
    }

    mutating func add<Command: RedisCommand>(_ command: Command) {
        let use = command.connectionUse
        if use == .beginsTransaction {
            self.transaction = Transaction(group: Group(request: self.template), firstPlace: self.places.count)
        }
        if var transaction = self.transaction.take() {
            command.addKeys(to: &transaction.keys)
            Self.append(command, to: &transaction.group)
            self.places.append(.group(0, isAlone: false))
            if use == .endsTransaction { self.add(transaction) } else { self.transaction = transaction }
            return
        }
        let route = command.route
        if route != .severalSlots {
            self.places.append(.group(self.add(command, to: route), isAlone: true))
        } else if let command = command as? any SplittableCommand {
            self.places.append(.parts(self.add(splitting: command)))
        } else {
            self.places.append(.refused(.crossSlot))
        }
    }

    private mutating func add(_ command: some RedisCommand, to route: CommandRoute) -> Int {
        let index = self.group(for: route)
        Self.append(command, to: &self.groups[index])
        return index
    }

    private mutating func add(splitting command: some SplittableCommand) -> [Part] {
        var keys = CommandKeys(recording: ())
        command.addKeys(to: &keys)
        var indices: [HashSlot: Int] = [:]
        var parts: [(slot: HashSlot, positions: [Int])] = []
        for (position, slot) in keys.slots.enumerated() {
            if let index = indices[slot] {
                parts[index].positions.append(position)
            } else {
                indices[slot] = parts.count
                parts.append((slot, [position]))
            }
        }
        return parts.map { slot, positions in
            Part(positions: positions, group: self.add(command.part(positions), to: .slot(slot)))
        }
    }

    /// In one piece behind what its group has already.
    private mutating func add(_ transaction: Transaction) {
        guard transaction.keys.route != .severalSlots else {
            self.refusal = .crossSlot
            return
        }
        let index = self.group(for: transaction.keys.route)
        self.groups[index].request.count += transaction.group.request.count
        self.groups[index].request.isIdempotent = false
        let size = self.groups[index].bytes.readableBytes + transaction.group.bytes.readableBytes
        if size < Self.maximumBytes {
            self.groups[index].bytes.writeImmutableBuffer(transaction.group.bytes)
        } else {
            self.refusal = RedisError(.commandTooLarge, "a pipeline of more than \(Self.maximumBytes) bytes")
        }
        for place in transaction.firstPlace..<self.places.count {
            self.places[place] = .group(index, isAlone: false)
        }
    }

    private static func append(_ command: some RedisCommand, to group: inout Group) {
        group.request.count += 1
        group.request.isIdempotent = group.request.isIdempotent && command.isIdempotent
        group.scripts.encode(command, into: &group.bytes)
    }

    /// The group for a route, made where there is none.
    private mutating func group(for route: CommandRoute) -> Int {
        // What may go anywhere goes along with what came before it.
        if route == .anywhere, let last = self.lastGroup { return last }
        var request = self.template
        request.route = route
        let name = self.router?.node(of: request).map { GroupName.node($0) } ?? .route(route)
        let index = self.names[name] ?? self.groups.count
        if index == self.groups.count {
            self.names[name] = index
            self.groups.append(Group(request: request))
        } else if self.groups[index].request.route == .anywhere {
            // It goes by a key from here on.
            self.groups[index].request.route = route
        }
        self.lastGroup = index
        return index
    }
}

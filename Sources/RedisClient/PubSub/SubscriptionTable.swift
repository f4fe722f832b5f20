import NIOCore
import RESP

/// Who subscribes to what, and over which node's connection.
///
/// A name that somebody wants is either unassigned or belongs to one home: the place of one node where names are
/// subscribed to, over a connection once there is one. A name is in force from the confirmation of the request sent
/// last (hence the tokens: a name may be given up and asked for again while answers are under way) until its
/// connection, its node or the server gives it up. A subscriber is told when its last name comes into force, and when
/// the first does not hold any more.
///
/// Requests are sent from here, under the lock of whoever holds the table, so that they go out in the order in which
/// the table has changed; sending only hands them to the event loop.
struct SubscriptionTable {
    typealias Subscriber = UInt64

    private struct Entry {
        var users: Set<Subscriber> = []
        var home: ObjectIdentifier?
        var token: UInt64 = 0
        var isInForce = false
        /// How often it was sent elsewhere in a row.
        var redirects = 0
    }

    private struct User {
        let buffer: SubscriptionBuffer
        let names: Set<SubscriptionName>
        /// How many of them are not in force.
        var missing: Int
    }

    private struct Place {
        let home: SubscriptionHome
        var names: Set<SubscriptionName> = []
        var connection: SubscriberConnection?
    }

    private let topology: any Topology
    private var users: [Subscriber: User] = [:]
    private var entries: [SubscriptionName: Entry] = [:]
    private var places: [ObjectIdentifier: Place] = [:]
    private var unassigned: Set<SubscriptionName> = []
    /// The node of all names that may be anywhere.
    private var general: RedisNode?
    private var lastNumber: UInt64 = 0
    /// Collected until ``flush()``.
    private var requests: [ObjectIdentifier: [SubscriberReader.Request]] = [:]
    private var newHomes: [SubscriptionHome] = []

    /// How often a name follows redirections before it waits for the next look.
    private static let maximumRedirects = 5

    init(_ topology: any Topology) { self.topology = topology }

    var isEmpty: Bool { self.users.isEmpty }
    var hasUnassigned: Bool { !self.unassigned.isEmpty }

    /// Sends what has been decided.
    ///
    /// - Returns: homes to be run.
    mutating func flush() -> [SubscriptionHome] {
        for (id, requests) in self.requests { self.places[id]?.connection?.send(requests) }
        self.requests = [:]
        defer { self.newHomes = [] }
        return self.newHomes
    }

    private mutating func nextNumber() -> UInt64 {
        self.lastNumber &+= 1
        return self.lastNumber
    }

    // MARK: Subscribers

    mutating func add(_ names: [SubscriptionName], _ buffer: SubscriptionBuffer) -> Subscriber {
        let subscriber = self.nextNumber()
        let names = Set(names)
        var missing = 0
        for name in names {
            if self.entries[name] == nil { self.unassigned.insert(name) }
            self.entries[name, default: Entry()].users.insert(subscriber)
            if self.entries[name]?.isInForce != true { missing += 1 }
        }
        self.users[subscriber] = User(buffer: buffer, names: names, missing: missing)
        if missing == 0 { buffer.offer(.inForce) }
        self.assign()
        return subscriber
    }

    mutating func remove(_ subscriber: Subscriber) -> SubscriptionBuffer? {
        guard let user = self.users.removeValue(forKey: subscriber) else { return nil }
        for name in user.names {
            self.entries[name]?.users.remove(subscriber)
            guard let entry = self.entries[name], entry.users.isEmpty else { continue }
            self.entries[name] = nil
            self.unassigned.remove(name)
            guard let id = entry.home else { continue }
            self.places[id]?.names.remove(name)
            self.requests[id, default: []].append(.unsubscribe(name))
        }
        self.closeEmpty()
        return user.buffer
    }

    private mutating func closeEmpty() {
        for id in self.places.filter({ $0.value.names.isEmpty }).keys { self.close(id) }
    }

    /// Takes everybody out.
    mutating func removeAll() -> [SubscriptionBuffer] {
        defer { self.users = [:] }
        for id in self.places.keys { self.close(id) }
        self.entries = [:]
        self.unassigned = []
        return self.users.values.map(\.buffer)
    }

    private mutating func close(_ id: ObjectIdentifier) {
        self.requests[id] = nil
        self.places.removeValue(forKey: id)?.connection?.close()
    }

    // MARK: Homes

    /// Finds nodes for the names that have none.
    mutating func assign() {
        for name in self.unassigned {
            let node: RedisNode
            if name.kind != .sharded, let general, !general.isGone {
                node = general
            } else {
                node = self.topology.node(for: name.request)
                if name.kind != .sharded, !node.isPlaceholder { self.general = node }
            }
            self.assign(name, to: node)
        }
    }

    private mutating func assign(_ name: SubscriptionName, to node: RedisNode) {
        // A place to wait, or one that is over: to be asked for again.
        guard !node.isPlaceholder, !node.isGone else { return }
        let id = ObjectIdentifier(node)
        if self.places[id] == nil {
            let home = SubscriptionHome(node: node)
            self.places[id] = Place(home: home)
            self.newHomes.append(home)
        }
        let token = self.nextNumber()
        self.unassigned.remove(name)
        self.entries[name]?.home = id
        self.entries[name]?.token = token
        self.places[id]?.names.insert(name)
        if self.places[id]?.connection != nil {
            self.requests[id, default: []].append(.subscribe(name, token: token))
        }
    }

    /// Takes names from where they are.
    private mutating func release(_ names: some Sequence<SubscriptionName>) {
        for name in names {
            self.interrupt(name)
            if let id = self.entries[name]?.home { self.places[id]?.names.remove(name) }
            self.entries[name]?.home = nil
            self.unassigned.insert(name)
        }
    }

    private mutating func interrupt(_ name: SubscriptionName) {
        guard let entry = self.entries[name], entry.isInForce else { return }
        self.entries[name]?.isInForce = false
        for user in entry.users {
            self.users[user]?.missing += 1
            if let user = self.users[user], user.missing == 1 { user.buffer.offer(.interrupted) }
        }
    }

    private func holds(_ home: SubscriptionHome) -> Bool { self.places[home.id]?.home === home }

    /// Moves the names of nodes that are over, and those that wait; ends what nobody uses any more.
    mutating func look() {
        for (id, place) in self.places where place.home.node.isGone {
            self.release(place.names)
            self.close(id)
        }
        self.assign()
        self.closeEmpty()
        if !self.places.isEmpty { self.topology.confirm() }
    }

    /// A home has its connection: everything is asked for.
    ///
    /// - Returns: whether the home is still wanted.
    mutating func connected(_ home: SubscriptionHome, _ connection: SubscriberConnection) -> Bool {
        guard self.holds(home), let names = self.places[home.id]?.names else { return false }
        self.places[home.id]?.connection = connection
        for name in names {
            let token = self.nextNumber()
            self.entries[name]?.token = token
            self.requests[home.id, default: []].append(.subscribe(name, token: token))
        }
        return true
    }

    /// A home has lost its connection.
    ///
    /// - Returns: whether the home is still wanted.
    mutating func disconnected(_ home: SubscriptionHome) -> Bool {
        guard self.holds(home), let names = self.places[home.id]?.names else { return false }
        self.places[home.id]?.connection = nil
        for name in names { self.interrupt(name) }
        return true
    }

    /// Before a home connects again: names that belong elsewhere by now go there.
    ///
    /// - Returns: whether the home is still wanted.
    mutating func retry(_ home: SubscriptionHome) -> Bool {
        guard self.holds(home), let names = self.places[home.id]?.names else { return false }
        self.release(names)
        if self.general === home.node { self.general = nil }
        self.assign()
        guard self.places[home.id]?.names.isEmpty ?? true else { return true }
        self.close(home.id)
        return false
    }

    // MARK: Events

    /// - Returns: whoever cannot be served, and why.
    mutating func receive(
        _ event: SubscriberEvent,
        from home: SubscriptionHome
    ) -> (users: Set<Subscriber>, failure: RedisError)? {
        switch event {
        case .message(let message):
            guard let entry = self.entries[message.name], entry.isInForce, entry.home == home.id else { break }
            for user in entry.users { self.users[user]?.buffer.offer(.message(message)) }
        case .subscribed(let name, let token):
            guard let entry = self.entries[name], entry.token == token, !entry.isInForce else { break }
            self.entries[name]?.isInForce = true
            self.entries[name]?.redirects = 0
            for user in entry.users {
                self.users[user]?.missing -= 1
                if let user = self.users[user], user.missing == 0 { user.buffer.offer(.inForce) }
            }
        case .lost(let name):
            guard self.entries[name]?.home == home.id else { break }
            self.release([name])
        case .refused(let name, let token, let reply):
            guard let entry = self.entries[name], entry.token == token else { break }
            guard reply.isPassing else {
                let failure = RedisError(RESPError(reply: reply))
                return (entry.users, failure)
            }
            self.release([name])
            self.redirect(name, reply, from: home.node)
        }
        return nil
    }

    /// To where the topology says that an answer points, if it does; else the name waits for the next look.
    private mutating func redirect(_ name: SubscriptionName, _ reply: ErrorReply, from node: RedisNode) {
        let redirects = self.entries[name]?.redirects ?? 0
        self.entries[name]?.redirects = redirects < Self.maximumRedirects ? redirects + 1 : 0
        guard redirects < Self.maximumRedirects else { return }
        let replies = RedisReplies(bytes: ByteBuffer(string: "-\(reply.message)\r\n"), count: 1, failure: nil)
        let redirection = self.topology.redirection(of: replies, to: name.request, from: node)
        if let next = redirection?.node { self.assign(name, to: next) }
    }
}

extension SubscriptionName {
    fileprivate var request: RedisRequest {
        var request = RedisRequest(count: 1)
        request.route = self.route
        return request
    }
}

extension ErrorReply {
    /// Whether the same request may succeed later, or elsewhere.
    fileprivate var isPassing: Bool {
        ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY"].contains(self.prefix)
    }
}

extension RedisNode {
    /// Whether nothing goes here any more.
    var isGone: Bool { self.isRetired || self.multiplexer.isStopping }
}

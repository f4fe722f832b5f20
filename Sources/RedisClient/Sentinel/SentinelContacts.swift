/// The connections to sentinels and servers: what a former one still has to tell is nobody's word any more.
///
/// A sentinel that is forgotten and learned again has the same address; its former connections may end, or be made,
/// after that.
struct SentinelContacts {
    /// One listening to a sentinel's messages, from its beginning to its end.
    struct Listener: Sendable, Hashable {
        let address: RedisAddress
        fileprivate let number: Int
    }

    private(set) var sentinels: [RedisAddress: Interview] = [:]
    private(set) var servers: [RedisAddress: Interview] = [:]
    private var listeners: [RedisAddress: (listener: Listener, connection: SubscriberConnection?)] = [:]
    private var count = 0

    /// The connection for questions to a sentinel, made if there is none.
    mutating func sentinel(_ address: RedisAddress, make: () -> Interview) -> Interview {
        let interview = self.sentinels[address] ?? make()
        self.sentinels[address] = interview
        return interview
    }

    /// The connection for questions to a server, made if there is none.
    mutating func server(_ address: RedisAddress, make: () -> Interview) -> Interview {
        let interview = self.servers[address] ?? make()
        self.servers[address] = interview
        return interview
    }

    /// Begins to listen to a sentinel.
    mutating func listen(to address: RedisAddress) -> Listener {
        self.count += 1
        let listener = Listener(address: address, number: self.count)
        self.listeners[address] = (listener, nil)
        return listener
    }

    /// Takes in the connection of a listener, or closes it where nobody wants it any more.
    mutating func keep(_ connection: SubscriberConnection, of listener: Listener) {
        guard self.isCurrent(listener) else { return connection.close() }
        self.listeners[listener.address]?.connection = connection
    }

    /// Whether what a listener tells is still asked for.
    func isCurrent(_ listener: Listener) -> Bool { self.listeners[listener.address]?.listener == listener }

    mutating func end(_ listener: Listener) {
        if self.isCurrent(listener) { self.listeners[listener.address] = nil }
    }

    /// Ends all that there is to an address.
    mutating func dismiss(_ address: RedisAddress) {
        self.sentinels.removeValue(forKey: address)?.close()
        self.servers.removeValue(forKey: address)?.close()
        self.listeners.removeValue(forKey: address)?.connection?.close()
    }

    /// Ends the connections for questions; listeners end with their tasks.
    func close() {
        for interview in self.sentinels.values { interview.close() }
        for interview in self.servers.values { interview.close() }
    }
}

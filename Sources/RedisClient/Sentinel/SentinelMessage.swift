/// What a sentinel has published about the master that is followed.
enum SentinelMessage: Sendable, Hashable {
    /// The master at this address is held for dead.
    case masterDown(RedisAddress)
    /// The master at this address is being replaced.
    case failoverBegun(RedisAddress)
    /// Something has changed: worth asking.
    case news

    /// The channels to listen to.
    static let channels = [
        "+switch-master", "+config-update-from", "+sdown", "-sdown", "+odown", "-odown", "+try-failover",
        "+selected-slave", "+failover-state-send-slaveof-noone", "+promoted-slave", "+failover-end", "+slave",
        "+reboot", "+convert-to-slave", "+role-change", "+sentinel", "+reset-master",
    ]

    /// `nil` where another master is meant, or the text is none of a sentinel's.
    ///
    /// - Parameters:
    ///   - channel: what has happened.
    ///   - text: to whom: `<type> <name> <host> <port>`, for others than masters followed by
    ///   `@ <master> <host> <port>`; `<name> <old host> <old port> <new host> <new port>` when the master has changed.
    ///   - name: the master that is followed.
    init?(channel: String, text: String, master name: String) {
        let words = text.split(separator: " ").map(String.init)
        if channel == "+switch-master" {
            guard words.first == name else { return nil }
            self = .news
            return
        }
        if words.count >= 4, words[0] == "master" {
            guard words[1] == name else { return nil }
        } else {
            guard let at = words.firstIndex(of: "@"), words.count >= at + 4, words[at + 1] == name else { return nil }
        }
        let isOfMaster = words[0] == "master"
        // The master's address stands at the end of both, but for what +odown adds about the votes.
        let start = isOfMaster ? 2 : (words.firstIndex(of: "@") ?? 0) + 2
        let master = RedisAddress(host: words[start], port: words[start + 1])
        switch (channel, master) {
        case ("+sdown", .some(let master)) where isOfMaster: self = .masterDown(master)
        case ("+odown", .some(let master)) where isOfMaster: self = .masterDown(master)
        case ("+selected-slave", .some(let master)): self = .failoverBegun(master)
        case ("+failover-state-send-slaveof-noone", .some(let master)): self = .failoverBegun(master)
        case ("+promoted-slave", .some(let master)): self = .failoverBegun(master)
        default: self = .news
        }
    }
}

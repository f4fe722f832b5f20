import RESP

/// How far a scan has come: over one server, or over all masters of a cluster, one after the other.
///
/// A cursor is worth something on its own server only: servers hash with a secret of their own. Where a master is
/// replaced in the middle, its slots, or the key, are scanned from the start on the one that has taken over, so that
/// elements may come twice.
@usableFromInline
struct ScanCourse: Sendable {
    /// The next page's; `nil` at the end.
    @usableFromInline var cursor: String? = "0"
    /// In a cluster: the slots whose keys have not been scanned to the end.
    private var remaining: Set<Int>
    /// In a cluster: the master at work, and the slots that it served when its scan began.
    private var current: (master: RedisAddress, slots: Set<Int>)?
    /// Elsewhere: the node that the cursor is from.
    private var node: RedisNode?

    /// A scan of what is at a key, or of the whole database.
    init(_ client: RedisClient, hasKey: Bool) {
        self.remaining = client.routesCommands && !hasKey ? Set(0..<HashSlot.count) : []
    }

    /// The next page, which may be empty.
    @usableFromInline
    mutating func page<Page>(
        _ client: RedisClient,
        _ words: ScanCommand<Page>.Words
    ) async throws -> ScanPage<Page> {
        if self.remaining.isEmpty { return try await self.pageOfOne(client, words) }
        while true {
            let command = ScanCommand<Page>(words: words, cursor: self.cursor ?? "0")
            let (master, slots) = try await self.master(of: client)
            do {
                let page = try await client.execute(command, at: master)
                self.cursor = page.cursor
                if page.cursor == "0" { self.end(slots, of: master, client) }
                return page
            } catch let error as RedisError {
                // Still there, it may be asked for the same page again.
                if slots.isSubset(of: client.slots(of: master)) { throw error }
                self.current = nil
                self.cursor = "0"
            }
        }
    }

    /// The next page of what one server has.
    private mutating func pageOfOne<Page>(
        _ client: RedisClient,
        _ words: ScanCommand<Page>.Words
    ) async throws -> ScanPage<Page> {
        while true {
            var command = ScanCommand<Page>(words: words, cursor: self.cursor ?? "0")
            var request = RedisRequest(command, nil)
            if client.routesCommands { request.route = command.route }
            let node = client.topology.node(for: request)
            if node !== self.node { command = ScanCommand(words: words, cursor: "0") }
            let page = try await client.execute(command)
            // Another one may have answered.
            guard client.topology.node(for: request) === node else { continue }
            self.node = node
            self.cursor = page.cursor == "0" ? nil : page.cursor
            return page
        }
    }

    private mutating func master(of client: RedisClient) async throws -> (master: RedisAddress, slots: Set<Int>) {
        if let current { return current }
        // Waits until the cluster is known.
        _ = try await client.execute(RawCommand<RESPValue>("PING", isIdempotent: true))
        guard
            let next = client.topology.shards
                .first(where: { !$0.slots.isDisjoint(with: self.remaining) })
        else {
            throw RedisError(
                .cannotConnect,
                "no node serves \(self.remaining.count) of the slots that are left to scan"
            )
        }
        self.current = next
        return next
    }

    /// A master's keys have all been seen, but for those of slots that it has lost meanwhile.
    private mutating func end(_ slots: Set<Int>, of master: RedisAddress, _ client: RedisClient) {
        self.remaining.subtract(slots.intersection(client.slots(of: master)))
        self.current = nil
        if self.remaining.isEmpty { self.cursor = nil }
    }
}

extension RedisClient {
    fileprivate func slots(of master: RedisAddress) -> Set<Int> {
        self.topology.shards.first { $0.master == master }?.slots ?? []
    }

    /// A command that goes to one node whatever its keys.
    fileprivate func execute<Command: RedisCommand>(
        _ command: Command,
        at address: RedisAddress
    ) async throws -> Command.Response {
        var request = RedisRequest(command, nil)
        request.route = .node(address)
        let replies = try await self.send(request) { command.encode(into: &$0) }
        var reader = RESPReader(replies.bytes)
        do {
            return try Command.Response(from: &reader)
        } catch {
            throw RedisError(error, of: RESPReader(replies.bytes))
        }
    }
}

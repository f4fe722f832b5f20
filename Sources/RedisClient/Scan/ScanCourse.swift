import NIOCore
import RESP

/// How far a scan has come: over one server, or over all masters of a cluster, one after the other.
///
/// A cursor is worth something to the server process only that gave it: each hashes with a secret of its own. So it is
/// good for one connection. Behind another one the scan of that server, or of the key, begins again, and elements may
/// come twice. Where a cluster's master is replaced in the middle, its slots are scanned on the one that has taken
/// over.
@usableFromInline
struct ScanCourse: Sendable {
    /// The next page's; `nil` at the end.
    @usableFromInline var cursor: String? = "0"
    /// In a cluster: the slots whose keys have not been scanned to the end.
    private var remaining: Set<Int>
    /// In a cluster: the master at work, and the slots that it served when its scan began.
    private var current: (master: RedisAddress, slots: Set<Int>)?
    /// The connection that the cursor has come over.
    private var link: SubmissionQueue.Link?

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
        guard !self.remaining.isEmpty else {
            let page = try await self.page(client, words, at: nil)
            self.cursor = page.cursor == "0" ? nil : page.cursor
            return page
        }
        while true {
            let (master, slots) = try await self.master(of: client)
            do {
                let page = try await self.page(client, words, at: master)
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

    /// The next page of what one server has: this master, or the one that the key, or everything, is at.
    private mutating func page<Page>(
        _ client: RedisClient,
        _ words: ScanCommand<Page>.Words,
        at master: RedisAddress?
    ) async throws -> ScanPage<Page> {
        var request = RedisRequest(ScanCommand<Page>(words: words, cursor: "0"), nil)
        if let master {
            request.route = .node(master)
        } else if client.routesCommands {
            request.route = ScanCommand<Page>(words: words, cursor: "0").route
        }
        while true {
            guard let link = try await client.connection(for: request) else { continue }
            if link !== self.link { self.cursor = "0" }
            self.link = link
            let command = ScanCommand<Page>(words: words, cursor: self.cursor ?? "0")
            let page =
                if master != nil {
                    try await client.execute(command, by: request.route)
                } else {
                    try await client.execute(command)
                }
            // Otherwise another connection may have brought it.
            if client.topology.node(for: request).multiplexer.link === link { return page }
        }
    }

    private mutating func master(of client: RedisClient) async throws -> (master: RedisAddress, slots: Set<Int>) {
        if let current { return current }
        // Waits until the cluster is known.
        do {
            _ = try await client.execute(RawCommand<String>("PING", isIdempotent: true))
        } catch let error as RedisError where error.serverError == "NOPERM" {
            // An answer all the same.
        }
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

    /// The connection that a request goes over, once there is one; `nil`: to be asked again.
    fileprivate func connection(for request: RedisRequest) async throws -> SubmissionQueue.Link? {
        let node = self.topology.node(for: request)
        if let link = node.multiplexer.link { return link }
        let end = NIODeadline.now().uptimeNanoseconds
            .addingClamped(self.settings.commandTimeout)
        let failure = await node.multiplexer.waitForAdmission(until: end, ignoresCancellation: false)
        try Task.checkCancellation()
        if let failure {
            // Retired: another node takes its place in a moment.
            guard failure.code == .connectionClosed else { throw failure }
            await Task.yield()
        } else if node.multiplexer.link == nil {
            // Says why.
            _ = try await self.send(request) { $0.writeWire("*1\r\n$4\r\nPING\r\n") }
        }
        return nil
    }

    /// A command that goes this way whatever its keys.
    fileprivate func execute<Command: RedisCommand>(
        _ command: Command,
        by route: CommandRoute
    ) async throws -> Command.Response {
        var request = RedisRequest(command, nil)
        request.route = route
        let replies = try await self.send(request) { command.encode(into: &$0) }
        var reader = RESPReader(replies.bytes)
        do {
            return try reader.readReply(as: Command.Response.self)
        } catch {
            throw RedisError(error, of: RESPReader(replies.bytes))
        }
    }
}

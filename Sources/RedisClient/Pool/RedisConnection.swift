public import NIOCore
public import RESP
import Resilience
import Synchronization

/// A connection that one caller has for itself, within ``RedisClient/withConnection(timeout:_:)``.
///
/// Commands may be given from several tasks. None is ever sent again after a lost connection: what it depended on is
/// gone with the connection.
public final class RedisConnection: RedisExecutor {
    let pooled: PooledConnection
    private let defaultTimeout: UInt64
    private let isEnded = Atomic<Bool>(false)
    private let changes = ConnectionChanges()
    let isWatching = Atomic<Bool>(false)
    /// Whether a transaction has been carried out, or may have been.
    let hasExecuted = Atomic<Bool>(false)
    /// Who learns from redirections, though nobody follows them here.
    private let origin: (topology: any Topology, node: RedisNode)?

    init(
        _ pooled: PooledConnection,
        _ configuration: RedisClientConfiguration,
        from origin: (topology: any Topology, node: RedisNode)? = nil
    ) {
        self.pooled = pooled
        self.origin = origin
        self.defaultTimeout = configuration.commandTimeout.nanosecondsClamped
    }

    /// What the server said of itself; `nil` once the connection is closed.
    public var server: ServerInfo? { self.pooled.multiplexer.server }

    /// Ends the use of the connection by this caller.
    ///
    /// - Returns: whether somebody else may use it as if it were new.
    func end() -> Bool {
        self.isEnded.store(true, ordering: .relaxed)
        return self.changes.isEmpty && !self.isWatching.load(ordering: .relaxed)
            && self.pooled.isSettled
    }

    /// Sends commands over this connection, once.
    ///
    /// - Throws: ``RedisError``, also when the connection was given back; `CancellationError`.
    public func send(_ request: RedisRequest, encode: (inout ByteBuffer) -> Void) async throws -> RedisReplies {
        var timeout =
            request.timeout?.nanosecondsClamped
            ?? self.defaultTimeout.multipliedClamped(by: UInt64(max(1, request.timeoutFactor)))
        switch request.connectionUse {
        case .shared: break
        case .unsupported: throw RedisError.unsupported
        case .blocking(let limit):
            timeout = limit.map { timeout.addingClamped($0.nanosecondsClamped) } ?? .max
        case .beginsTransaction, .endsTransaction, .exclusive: self.changes.note()
        }
        if self.isEnded.load(ordering: .relaxed) {
            throw RedisError(.notRunning, "the connection was given back to the pool")
        }
        let replies = await self.pooled.multiplexer.attempt(
            expecting: request.count,
            timeout: timeout,
            isFirstInLine: true,
            ignoresCancellation: request.ignoresCancellation,
            check: request.isTrusted ? .none : .exclusive(changes: self.changes),
            encode: encode
        )
        if request.isTransaction, replies.refusal(of: request) == nil {
            self.hasExecuted.store(true, ordering: .relaxed)
        }
        if replies.count > 0 {
            // A refused MULTI leaves the watch.
            let isBegun =
                replies.bytes.getInteger(at: replies.bytes.readerIndex, as: UInt8.self) != RESPType.simpleError.byte
            if request.isTransaction, replies.failure == nil, isBegun {
                self.isWatching.store(false, ordering: .relaxed)
            }
            if let origin, replies.beginsWithError || request.isTransaction {
                _ = origin.topology.redirection(of: replies, to: request, from: origin.node)
            }
            return replies
        }
        if !request.ignoresCancellation { try Task.checkCancellation() }
        if let failure = replies.failure { throw failure }
        guard self.pooled.isOpen else {
            throw RedisError(.connectionClosed, "the connection has ended", delivery: .notSent)
        }
        self.pooled.multiplexer.counters.note(.outstandingCommands)
        throw RedisError(.queueFull, "too many commands are outstanding on this connection")
    }
}

extension RedisConnection {
    /// Sends a command, ASKING before it.
    fileprivate func send(
        _ request: RedisRequest,
        asking isAsking: Bool,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        guard isAsking else { return try await self.send(request, encode: encode) }
        var both = request
        both.count += 1
        both.isTrusted = true
        var replies = try await self.send(both) { buffer in
            buffer.writeWire("*1\r\n$6\r\nASKING\r\n")
            encode(&buffer)
        }
        replies.dropFirst()
        return replies
    }
}

extension RedisClient {
    /// Gives `body` a connection of its own from the pool.
    ///
    /// For WATCH, SELECT, several blocking commands in a row. Afterwards the connection goes back to the pool if it is
    /// as it was, and is closed otherwise.
    ///
    /// - Parameters:
    ///   - key: in a cluster, the connection leads to the master of this key; without, to any master. Redirections are
    ///   not followed on it: they are thrown as errors of the server, and the slots are learned anew.
    ///   - timeout: the longest time to get a connection, making one included. Waiting for one that is in use is
    ///   bounded by the pool's `maximumWait` as well.
    ///   - body: uses the connection; it must not be used after it has returned.
    /// - Returns: what `body` returns.
    /// - Throws: ``RedisError``: `noFreeConnection`, `cannotConnect`, `notRunning`, `shutDown`; what `body` throws;
    ///   `CancellationError`.
    public func withConnection<Result>(
        near key: (some RESPArgument)? = String?.none,
        timeout: Duration? = nil,
        _ body: (RedisConnection) async throws -> Result
    ) async throws -> Result {
        let limit = timeout?.nanosecondsClamped ?? .max
        var request = RedisRequest(count: 1)
        if self.routesCommands, let key { request.route = .slot(HashSlot(of: key)) }
        let end = NIODeadline.now().uptimeNanoseconds.addingClamped(limit)
        let (node, pooled) = try await self.leaseUnderBreaker(within: timeout) {
            try await self.lease(for: request, until: end)
        }
        let connection = RedisConnection(pooled, self.configuration, from: (self.topology, node))
        defer { node.pool.giveBack(pooled, isReusable: connection.end()) }
        return try await body(connection)
    }

    /// Sends a blocking command over a connection of its own.
    ///
    /// Where it is sent again, it blocks anew for its whole limit: the server knows nothing of the time before.
    func sendExclusively(
        _ request: RedisRequest,
        for limit: Duration?,
        timeout: UInt64,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        let limit = limit?.nanosecondsClamped ?? .max
        // When the server must have the command, and when the last attempt may begin.
        var end = NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
        let deadline = end.addingClamped(limit)
        var request = request
        request.connectionUse = .shared
        var redirects = 0
        var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(250))
        var next: Redirection?
        while true {
            let (node, pooled) = try await self.lease(for: request, at: next?.node, until: end)
            let connection = RedisConnection(pooled, self.configuration)
            defer { node.pool.giveBack(pooled, isReusable: connection.end()) }
            let now = NIODeadline.now().uptimeNanoseconds
            let rest = (end > now ? end - now : 0).addingClamped(limit)
            request.timeout = .nanoseconds(Int64(clamping: rest))
            // The node that the lease was meant for may have been retired meanwhile.
            let isAsking = next?.isAsking == true && next?.node === node
            next = nil
            var pauses = false
            do {
                let replies = try await connection.send(request, asking: isAsking, encode: encode)
                guard replies.beginsWithError, redirects < self.maximumRedirects,
                    let redirection = self.topology.redirection(of: replies, to: request, from: node)
                else { return replies }
                pauses = redirection.pauses
                next = redirection
                if pauses {
                    // Refused at once.
                    guard NIODeadline.now().uptimeNanoseconds < end else { return replies }
                } else {
                    redirects += 1
                    end = NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
                }
            } catch let error as RedisError where error.code == .connectionClosed {
                let now = NIODeadline.now().uptimeNanoseconds
                guard error.delivery == .notSent || request.isIdempotent, now < deadline else { throw error }
                pauses = true
                end = now.addingClamped(timeout)
            }
            if pauses { try await Task.sleep(for: backoff.next(random: .random(in: 0..<1))) }
        }
    }

    private func lease(
        for request: RedisRequest,
        at node: RedisNode? = nil,
        until deadline: UInt64
    ) async throws -> (node: RedisNode, connection: PooledConnection) {
        var named = node
        while true {
            let node = named.take() ?? self.topology.node(for: request)
            switch node.multiplexer.queue.withLock({ ($0.phase, $0.retirement) }) {
            case (.draining, nil), (.stopped, nil): throw RedisError(.shutDown, "the client is shutting down")
            case (.idle, nil), (.connecting, nil), (.connected, nil):
                if node.isPlaceholder || !node.multiplexer.hasBegun {
                    // Nowhere to connect to yet, or nobody who would: in line until there is.
                    let longest = self.settings.queueWait
                    let end = min(deadline, NIODeadline.now().uptimeNanoseconds.addingClamped(longest))
                    let failure = await node.multiplexer.waitForAdmission(until: end, ignoresCancellation: false)
                    try Task.checkCancellation()
                    if let failure { throw failure }
                } else {
                    do {
                        return (node, try await node.pool.lease(until: deadline))
                    } catch let error as RedisError where error.code == .shutDown && node.isRetired {
                        continue
                    }
                }
            case (_, .some): try Task.checkCancellation()
            }
            // Retired, and the next one not chosen yet: a moment.
            await Task.yield()
        }
    }
}

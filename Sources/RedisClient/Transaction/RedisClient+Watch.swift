import NIOCore
public import RESP
import Resilience
import Synchronization

extension RedisConnection {
    /// Watches keys: the next transaction on this connection is carried out only if none of them has changed by then.
    ///
    /// - Parameter keys: what to watch, in addition to what is watched already.
    /// - Throws: ``RedisError``, `CancellationError`.
    public func watch<Key: RESPArgument>(_ keys: [Key]) async throws {
        guard !keys.isEmpty else { return }
        self.isWatching.store(true, ordering: .relaxed)
        try await self.executeTrusted(Watch(keys: keys))
    }

    /// Watches nothing any more.
    ///
    /// - Throws: ``RedisError``, `CancellationError`.
    public func unwatch() async throws {
        try await self.executeTrusted(Unwatch())
        self.isWatching.store(false, ordering: .relaxed)
    }

    /// Sends a command whose effect on the connection is kept count of here.
    private func executeTrusted(_ command: some RedisCommand) async throws {
        var request = RedisRequest(command, nil)
        request.isTrusted = true
        let replies = try await self.send(request) { command.encode(into: &$0) }
        var reader = RESPReader(replies.bytes)
        do { _ = try String(from: &reader) } catch { throw RedisError(error, of: RESPReader(replies.bytes)) }
    }
}

/// `WATCH key …`; the connection keeps count of it by itself.
private struct Watch<Key: RESPArgument>: RedisCommand {
    typealias Response = String
    let keys: [Key]

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeCommandHeader(count: self.keys.count + 1)
        buffer.writeWord("WATCH")
        for key in self.keys { key.writeBulkString(into: &buffer) }
    }

    func addKeys(to keys: inout CommandKeys) { for key in self.keys { keys.add(key) } }
}

/// `UNWATCH`.
private struct Unwatch: RedisCommand {
    typealias Response = String
    func encode(into buffer: inout ByteBuffer) { buffer.writeWire("*1\r\n$7\r\nUNWATCH\r\n") }
}

extension RedisClient {
    /// Reads, decides and writes as if nobody else were there: an optimistic transaction on an exclusive connection.
    ///
    /// ```swift
    /// let balance = try await client.withTransaction(watching: ["account:7"]) { connection in
    ///     let balance = try await connection.execute(GET("account:7", as: Int.self)) ?? 0
    ///     _ = try await connection.execute(transaction: SET("account:7", balance + 10))
    ///     return balance + 10
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - keys: if one of them changes between the start of `body` and its EXEC, nothing is written and `body` runs
    ///   again. In a cluster all of one slot, to whose master the connection leads: if that has changed before EXEC,
    ///   `body` runs again as well, for up to `commandTimeout`.
    ///   - attempts: how often `body` runs at most; 16 by default.
    ///   - timeout: the longest wait for a connection.
    ///   - body: reads what it needs, then executes one transaction.
    /// - Returns: what the last run of `body` returns.
    /// - Throws: ``RedisError``: `transactionAborted` when all attempts were in vain, `crossSlot`; what `body` throws.
    public func withTransaction<Key: RESPArgument, Result>(
        watching keys: [Key],
        attempts: Int = 16,
        timeout: Duration? = nil,
        _ body: (RedisConnection) async throws -> Result
    ) async throws -> Result {
        if self.routesCommands, Watch(keys: keys).route == .severalSlots { throw RedisError.crossSlot }
        var attempt = 1
        var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(250))
        var deadline: UInt64?
        while true {
            var hasExecuted = false
            do {
                return try await self.withConnection(near: keys.first, timeout: timeout) { connection in
                    defer { hasExecuted = connection.hasExecuted.load(ordering: .relaxed) }
                    while true {
                        do {
                            try await connection.watch(keys)
                            let result = try await body(connection)
                            // A body that found nothing to do has not ended the watch.
                            if connection.isWatching.load(ordering: .relaxed) { try await connection.unwatch() }
                            return result
                        } catch let error as RedisError where error.code == .transactionAborted && attempt < attempts {
                            attempt += 1
                            connection.hasExecuted.store(false, ordering: .relaxed)
                        }
                    }
                }
            } catch let error as RedisError where error.code == .server && error.isRedirection && !hasExecuted {
                // The slot has moved, or is about to.
                let now = NIODeadline.now().uptimeNanoseconds
                let end = deadline ?? now.addingClamped(self.settings.commandTimeout)
                deadline = end
                let pause = backoff.next(random: .random(in: 0..<1))
                guard now.addingClamped(pause.nanosecondsClamped) < end else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }
}

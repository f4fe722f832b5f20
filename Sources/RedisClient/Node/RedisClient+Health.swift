import NIOCore
import RESP
import Resilience

extension RedisClient {
    /// Asks all servers how they are: PING, past the circuit breaker.
    ///
    /// - Parameter timeout: for each server; all are asked at once.
    /// - Returns: within `timeout`, also when nobody answers or the task is cancelled.
    public func health(timeout: Duration = .seconds(1)) async -> RedisHealth {
        let known = self.topology.nodes.filter { !$0.isPlaceholder && !$0.isRetired }
        let nodes = await withTaskGroup(of: (Int, RedisHealth.Node).self) { group in
            for (index, node) in known.enumerated() { group.addTask { (index, await node.health(within: timeout)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        return RedisHealth(
            nodes: nodes.sorted { $0.0 < $1.0 }.map(\.1),
            breaker: self.breaker.health,
            pool: self.poolStatistics
        )
    }
}

extension Breaker {
    fileprivate var health: RedisHealth.Breaker? {
        switch self.current {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case nil: nil
        }
    }
}

extension RedisNode {
    fileprivate func health(within timeout: Duration) async -> RedisHealth.Node {
        var start = NIODeadline.now().uptimeNanoseconds
        let deadline = start.addingClamped(timeout.nanosecondsClamped)
        var replies = await self.ask(until: deadline)
        if replies.count == 0, replies.failure == nil {
            let failure = await self.multiplexer.waitForAdmission(until: deadline, ignoresCancellation: false)
            start = NIODeadline.now().uptimeNanoseconds
            if let failure { replies = .failed(failure) } else { replies = await self.ask(until: deadline) }
        }
        let end = NIODeadline.now().uptimeNanoseconds
        let server = self.multiplexer.server
        var health = RedisHealth.Node(address: self.address, role: self.role ?? server?.role, server: server)
        guard replies.count == 2 else {
            let failure = replies.failure ?? self.multiplexer.lastFailure
            health.error = failure.map { "\($0)" } ?? "no connection"
            return health
        }
        health.latency = .nanoseconds(Int64(clamping: end - start))
        var reader = RESPReader(replies.bytes)
        if replies.beginsWithError {
            // Its first word: the rest may be anything.
            let word = (try? reader.readError())?.message.split(separator: " ").first
            health.error = word.map { String($0) } ?? "an error that cannot be read"
        } else {
            try? reader.skip()
        }
        guard let text = try? reader.readReply(as: String.self) else { return health }
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("maxmemory_policy:") {
                health.evictionPolicy = String(line.dropFirst("maxmemory_policy:".count))
            } else if line.hasPrefix("role:") {
                // As it is now, whatever it was when it was connected to.
                health.role = line.hasSuffix("master") ? .master : .replica
            }
        }
        return health
    }

    private func ask(until deadline: UInt64) async -> RedisReplies {
        let now = NIODeadline.now().uptimeNanoseconds
        return await self.multiplexer.attempt(
            expecting: 2,
            timeout: deadline > now ? deadline - now : 0,
            isFirstInLine: true,
            ignoresCancellation: false
        ) { buffer in
            buffer.writeWire("*1\r\n$4\r\nPING\r\n")
            buffer.writeWire("*3\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n$11\r\nreplication\r\n")
        }
    }
}

import NIOCore
import RESP
import Resilience

extension RedisClient {
    /// Asks all servers how they are: PING, and in a cluster its state, past the circuit breaker.
    ///
    /// A user without the right to PING has an answer all the same.
    ///
    /// - Parameter timeout: for each server; all are asked at once.
    /// - Returns: within `timeout`, also when nobody answers or the task is cancelled.
    public func health(timeout: Duration = .seconds(1)) async -> RedisHealth {
        let known = self.topology.nodes.filter { !$0.isPlaceholder && !$0.isRetired }
        let nodes = await withTaskGroup(of: (Int, RedisHealth.Node).self) { group in
            for (index, node) in known.enumerated() {
                group.addTask { (index, await node.health(within: timeout, ofCluster: self.routesCommands)) }
            }
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
    fileprivate func health(within timeout: Duration, ofCluster isOfCluster: Bool) async -> RedisHealth.Node {
        var start = NIODeadline.now().uptimeNanoseconds
        let deadline = start.addingClamped(timeout.nanosecondsClamped)
        var replies = await self.ask(until: deadline, isOfCluster)
        if replies.count == 0, replies.failure == nil {
            let failure = await self.multiplexer.waitForAdmission(until: deadline, ignoresCancellation: false)
            start = NIODeadline.now().uptimeNanoseconds
            if let failure {
                replies = .failed(failure)
            } else {
                replies = await self.ask(until: deadline, isOfCluster)
            }
        }
        let end = NIODeadline.now().uptimeNanoseconds
        let server = self.multiplexer.server
        var health = RedisHealth.Node(address: self.address, role: self.role ?? server?.role, server: server)
        guard replies.count == (isOfCluster ? 3 : 2) else {
            let failure = replies.failure ?? self.multiplexer.lastFailure
            health.error = failure.map { "\($0)" } ?? "no connection"
            return health
        }
        health.latency = .nanoseconds(Int64(clamping: end - start))
        var reader = RESPReader(replies.bytes)
        if replies.beginsWithError {
            // Its first word: the rest may be anything.
            let word = (try? reader.readError())?.message.split(separator: " ").first
            let error = word.map { String($0) } ?? "an error that cannot be read"
            // It has answered; whether it would say PONG matters to no caller.
            if error != "NOPERM" { health.error = error }
        } else {
            try? reader.skip()
        }
        let info = try? RESPValue(from: &reader)
        if isOfCluster, let state = try? RESPValue(from: &reader).text, state.contains("cluster_state:fail") {
            health.error = health.error ?? "cluster_state:fail"
        }
        guard let text = info?.text else { return health }
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

    private func ask(until deadline: UInt64, _ isOfCluster: Bool) async -> RedisReplies {
        let now = NIODeadline.now().uptimeNanoseconds
        return await self.multiplexer.attempt(
            expecting: isOfCluster ? 3 : 2,
            timeout: deadline > now ? deadline - now : 0,
            isFirstInLine: true,
            ignoresCancellation: false
        ) { buffer in
            buffer.writeWire("*1\r\n$4\r\nPING\r\n")
            buffer.writeWire("*3\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n$11\r\nreplication\r\n")
            if isOfCluster { buffer.writeWire("*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n") }
        }
    }
}
